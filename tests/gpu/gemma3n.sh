#!/bin/bash
# Proves the seed's path on a GPU: gemma3n.sh OUT [WORK]. A small Gemma 3n is made and trained, then tuned through
# Unsloth and through PEFT, merged, and compared; OUT gets the log and a parcel (see parcel.py) of what was made.
# quant_triage and the train extra's packages must be importable; QUICK=1 shrinks all to a try on a CPU.
HERE=$(dirname "$(readlink -f "$0")")
OUT=$(readlink -f "$1"); W=${2:-/tmp/gemma3n}; LOGS=$W/logs
END=${SECONDS_IN_ALL:-500}
STEPS=900 PRETRAINING=80 ROWS=384 HELD=136 TUNED=unsloth
[ -n "$QUICK" ] && STEPS=0 ROWS=16 HELD=2
DATA=${DATA:-$HERE/../../data/emergency_dataset.jsonl}
export PYTHONUNBUFFERED=1 PYTHONHASHSEED=0 HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1
export HF_DATASETS_OFFLINE=1 TOKENIZERS_PARALLELISM=false
rm -rf "$W"; mkdir -p "$LOGS"
exec > >(tee "$OUT/all.log") 2>&1

left() { echo $((END - SECONDS)); }
step() { # NAME LIMIT COMMAND...: run it within its limit and what is left; its log goes to LOGS
  local name=$1 limit=$2 rc began=$SECONDS; shift 2
  [ "$(left)" -lt "$limit" ] && limit=$(left)
  if [ "$limit" -lt 5 ]; then echo "skipped: no time left" >"$LOGS/$name.log"; rc=skipped
  else timeout -k 5 "$limit" "$@" >"$LOGS/$name.log" 2>&1; rc=$?; fi
  echo "$name|rc $rc|$((SECONDS - began)) s|from $began s|$(grep -v '^ *$' "$LOGS/$name.log" | tail -n 1 | cut -c1-300)" >"$LOGS/$name.summary"
  echo "=== $(cat "$LOGS/$name.summary")"; [ "$rc" = 0 ]
}
tune() { # BACKEND
  step "train_$1" 260 python3 "$HERE/verbs.py" train --preset gemma3n --backend "$1" --base "$W/base" \
    --data "$W/tune.jsonl" --out "$W/$1" --epochs 1 --seed 3407 --json
}

{ date -u; nvidia-smi --query-gpu=name,memory.total,memory.used,driver_version --format=csv,noheader; nproc
  python3 -c "
import importlib.metadata as m, sys
print('python', sys.version.split()[0])
for n in 'torch transformers peft trl accelerate datasets bitsandbytes unsloth unsloth_zoo triton tokenizers safetensors'.split():
    try: print(n, m.version(n))
    except m.PackageNotFoundError: print(n, 'missing')"; } 2>&1 | tee "$LOGS/machine.log"

python3 "$HERE/split.py" "$DATA" "$W/pretraining.jsonl" "$W/all.jsonl" "$W/rest.jsonl" || exit 1
head -n "$ROWS" "$W/all.jsonl" >"$W/tune.jsonl"; head -n "$HELD" "$W/rest.jsonl" >"$W/held_out.jsonl"
wc -l "$W"/*.jsonl; sha256sum "$W"/*.jsonl

# 1. The base. Beside it, as it costs seconds: does cuDNN's attention lose gradients here, and not as we train?
if [ -z "$QUICK" ]; then step attention 60 python3 "$HERE/attention.py" & ATTENTION=$!; fi
step pretrain 150 python3 "$HERE/../training/small_gemma3n.py" "$W/base" --data "$W/pretraining.jsonl" --steps $STEPS \
  --seconds $PRETRAINING || tail -n 40 "$LOGS/pretrain.log"
[ -n "$ATTENTION" ] && wait "$ATTENTION"
[ -f "$W/base/config.json" ] || exit 1

# 2, 3. Unsloth, then PEFT alone if there is time for a clean clock, else beside what follows.
began=$SECONDS
tune unsloth || tail -n 60 "$LOGS/train_unsloth.log"
took=$((SECONDS - began))
if [ $((took + 130)) -lt "$(left)" ]; then
  tune peft || tail -n 60 "$LOGS/train_peft.log"
else
  echo "PEFT runs beside the steps that follow"
  tune peft & PEFT=$!
fi

# 4. Our merge, and the parcel at once.
[ -f "$W/unsloth/quant_triage_adapter.json" ] || { [ -n "$PEFT" ] && wait "$PEFT"; TUNED=peft; }
echo "merged from here on: $TUNED"
step merge 60 python3 "$HERE/verbs.py" merge --base "$W/base" --adapter "$W/$TUNED" --out "$W/merged" --json
step parcel 100 python3 "$HERE/parcel.py" pack "$OUT" "$W/base" "$W/merged" "$W/$TUNED"

# 5, 6. Adapter on base against merged; Unsloth's own merge against ours.
step parity 120 python3 "$HERE/parity.py" "$W/base" "$W/$TUNED" "$W/merged" "$W/held_out.jsonl"
step unsloth_merge 90 python3 "$HERE/unsloth_merge.py" "$W/$TUNED" "$W/merged" "$W/theirs"
[ -n "$PEFT" ] && wait "$PEFT"
step losses 30 python3 "$HERE/losses.py" "$W/unsloth" "$W/peft"

# 7. If there is time: Ctrl-C after a checkpoint, and on from it.
if [ "$(left)" -gt 110 ] && [ -z "$QUICK" ]; then
  again=(python3 "$HERE/verbs.py" train --preset gemma3n --backend unsloth --base "$W/base" --data "$W/tune.jsonl"
    --out "$W/resumed" --epochs 1 --seed 3407 --set max_steps=16 --set checkpoint_steps=4)
  step interrupted 70 timeout -s INT 35 "${again[@]}"
  ls -d "$W"/.resumed.*/* >>"$LOGS/interrupted.log" 2>&1; tail -n 3 "$LOGS/interrupted.log"
  step resumed 60 "${again[@]}" --resume
fi

for name in train_unsloth train_peft; do
  echo "--- $name"
  grep -E "^(step|cuDNN|quant-triage|Error|error)|NaN|nan|Traceback" "$LOGS/$name.log" | tail -n 12
done
for name in attention losses parity unsloth_merge; do echo "--- $name"; tail -n 60 "$LOGS/$name.log"; done
cp "$W/unsloth/quant_triage_adapter.json" "$LOGS/unsloth.json"; cp "$W/peft/quant_triage_adapter.json" "$LOGS/peft.json"
(cd "$W" && sha256sum base/* merged/* unsloth/* peft/* >"$LOGS/sha256.txt" 2>/dev/null)
tar czf "$OUT/logs.tar.gz" -C "$W" logs tune.jsonl held_out.jsonl
ls -l "$OUT"
echo "=== in all $SECONDS s"
for name in machine attention pretrain train_unsloth train_peft merge parcel parity unsloth_merge losses interrupted resumed; do
  [ -f "$LOGS/$name.summary" ] && cat "$LOGS/$name.summary"; done
