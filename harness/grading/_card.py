"""The card of the trained models: what they are, what they learned from, how well they did."""

from typing import NamedTuple

Rates = dict[str, tuple[float, float, float]]

_CARD = """\
# The models beside the rules

Written by `python -m quant_triage.harness.grading.fit`; do not edit.

**Detector** (`detector.npz`): a logistic regression over {width:,} hashed features of a sentence,
each scaled by how far it leans to one label, none of them stronger than 99 % of them are; one byte
a weight, the fainter half left out. The features are what the clause analysis says (base forms with
their polarity and mode, neighbours, near pairs, classes of words in their place, each also crossed
with the scenario) and what the checks find. It reviews the rules. From texts that lost, gained or had
exchanged a word it does not learn: adding up words, it can hardly tell them from what they were made of.

**Networks** (`network.npz`): three, each of three convolutions over the words of a sentence, each with its
class and with what the clause analysis makes of it, then their maximum and an attention-weighted mean
beside what the checks say of the sentence; {tensors:,} weights in all, one byte each. Each first learned to
guess hidden words of all these sentences, then to tell dangerous ones: one among what people composed only,
two (their mean counts) also among the texts that a machine turned. {share} of the mean of both kinds is added
to the detector's score. They are trained side by side, in one program.

**Limits**: a rule's finding stands only in a sentence that scores at least {keep:+.2f} ({lenient} less for a
number or an order, {slower} less for what may kill or maim, {plain} less for a plain instruction; a wrong
emergency number always does), or to which the detector alone gives {alone:+.2f}, or, where a vital deed is
forbidden, {banned:+.2f}; where what is due, though not vital, is forbidden outright, {leaning:+.2f} of the
networks that know turned texts is enough. A sentence that scores at least {alarm:+.2f} is a finding
(`model:<nearest check>`) though no rule found it; so is one to which the networks that know turned texts
give {certain:+.2f}, whatever the others say. In a reply whose words do not speak clearly for its scenario
(log odds of {clearly} by topic), which is unlike what they learned from, the limits are {far_keep:+.2f}, by
either of the two, and {far_alarm:+.2f}. A check that they were not trained with, such as a team's own, is
never overruled.

**Topics** (`topics.npz`): how often each word stands in texts of each scenario of the same training
part, as log odds. They tell whether a reply talks about its scenario, and are added to what the
rubrics recognise in a question.

**Judge of sense** (`coherence.npz`): a logistic regression over 12 measures of windows of 40 words,
for salad that the rules for degenerate text let pass. Trained on good texts and on the same texts
broken by the program.

**Word classes** (`words.npz`): the Brown clusters of 30,000 frequent words, from spaCy's look-up
data (MIT).

## Learned from

{texts:,} texts ({sentences:,} sentences): the training part of the gold set ({rows:,} rows,
`data/gold/train.jsonl`), the sentences of the leaflets in `training/corpus` and what they forbid,
each also joined to a right act in one sentence, the examples and look-alikes that the rubrics carry, and
the acts of both, advised and forbidden, in the turns of speech of `data/gold/frames.yaml` that are marked
`learn`. Examples of dangers weigh as much as the leaflets' sentences and are read with the features of the
checks; look-alikes and required acts are read without, as the checks were written to fit them. Neither
`dev.jsonl` nor `test.jsonl`.

## On a third of the training part

As scored by a detector and one network (of those that know turned texts) that did not learn its labels,
though the network did guess words in it, at limits of {trial_keep:+.2f} for a finding and {trial_alarm:+.2f}
for an alarm, whatever stands above. Its writers are also those of the rest, so expect other figures on other
authors: `validate --part test` has them.

| | recall | precision | F1 |
| --- | --- | --- | --- |
| replies, rules alone | {rules[reply][0]:.3f} | {rules[reply][1]:.3f} | {rules[reply][2]:.3f} |
| replies, all together | {both[reply][0]:.3f} | {both[reply][1]:.3f} | {both[reply][2]:.3f} |
| sentences, rules alone | {rules[sentence][0]:.3f} | {rules[sentence][1]:.3f} | {rules[sentence][2]:.3f} |
| sentences, all together | {both[sentence][0]:.3f} | {both[sentence][1]:.3f} | {both[sentence][2]:.3f} |

The single sentences are made to be hard: half of them dangerous, the rest nearly so in words.

Incoherent replies of the training part, of which the judge of sense learned nothing but its limit:
{found} of {incoherent} found; {false} of {coherent} others taken for incoherent.

## Limits

Labels by automated assistants, each by one; no clinician took part. English only. A danger that
needs knowledge rather than words (a wrong number in a right sentence) is the rules' business.
"""


class Facts(NamedTuple):
    """What one run of ``fit`` found."""

    width: int
    tensors: int
    texts: int
    sentences: int
    rows: int
    keep: float
    alarm: float
    far_keep: float
    far_alarm: float
    clearly: float
    slower: float
    plain: float
    share: float
    alone: float
    banned: float
    leaning: float
    lenient: float
    certain: float
    trial_keep: float
    trial_alarm: float
    rules: Rates
    both: Rates


class SenseFacts(NamedTuple):
    """How the judge of sense did on the training part's replies."""

    found: int
    incoherent: int
    false: int
    coherent: int


def card(facts: Facts, sense: SenseFacts) -> str:
    """Return the card's text."""
    return _CARD.format(**facts._asdict(), **sense._asdict())
