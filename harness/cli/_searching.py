"""The search: which types for which tensors make the smallest file that still passes the policy's gates.

Everything up to the finalists is decided on the search's own prompts; the prompts that the policy draws are
asked once, at the end. What was measured is kept, so an interrupted search goes on where it was.
"""

from collections.abc import Iterable, Sequence

from quant_triage.data import sha256_text
from quant_triage.harness import Sensitivity, halve, word_pairs
from quant_triage.quantize import (
    Damage,
    Group,
    Level,
    MinimalPair,
    Option,
    Recipe,
    Step,
    Yardstick,
    between,
    descend,
    group_recipe,
    offered,
    plan_sizes,
    read_header,
    spread,
    tensor_groups,
    yardstick,
)

from ._search_bench import Bench, Entrant
from ._templating import Exchange, templated

FINALISTS = 4
"""Candidates that are confirmed, at most."""
LIKELY = 0.8
"""How probably a level within the budget passes."""
_REPLIES = 16
"""Replies of the reference on which damage is measured, with one minimal pair each; drawn over scenarios."""


class Search:
    """One search from the unquantized file to the finalists.

    Args:
        bench: Makes, measures, asks.
        levels: The stock levels to beat.
        candidates: How many recipes are considered.
        budget: Candidates are smaller than this; told from the levels unless given.
    """

    def __init__(self, bench: Bench, levels: Sequence[Level], *, candidates: int, budget: int | None):
        self._bench = bench
        self._candidates = candidates
        self.budget, self.budget_of = budget or 0, None if budget else ""
        sizes = plan_sizes(bench.source, levels, imatrix=bench.matrix)
        self.levels = [Entrant(level, sizes[level.name]) for level in levels]
        self.recipes: list[Entrant] = []
        self.sensitivities: list[Sensitivity] = []
        self.replies = self.pairs = 0
        self.complete = False

    def run(self) -> list[Entrant]:
        """Search, and return the finalists, likeliest to be confirmed first."""
        bench = self._bench
        replies = [reply for reply in bench.reference_replies().replies if reply.reply.strip()][:_REPLIES]
        stage = bench.stages.open("minimal pairs of safe and dangerous words")
        words = word_pairs(replies, bench.inputs.grader, most_each=1)
        stage.finish(f"{len(words)} from {len(replies)} replies")
        self.replies, self.pairs = len(replies), len(words)
        texts = templated(bench.source, [Exchange(prompt=r.prompt, reply=r.reply) for r in replies])
        heads = templated(bench.source, [Exchange(prompt=w.prompt, reply=w.safe) for w in words])
        pairs = [
            MinimalPair(before=head + word.before, safe=word.safe, dangerous=word.dangerous)
            for (head, _), word in zip(heads, words, strict=True)
        ]
        texts_sha256 = sha256_text(
            *(part for text in texts for part in text), *(pair.model_dump_json() for pair in pairs)
        )
        with yardstick(bench.source, texts, pairs, threads=bench.inputs.hardware.threads) as yard:
            self._weigh_levels(yard, texts_sha256)
            groups = tensor_groups(bench.source)
            self.sensitivities = bench.sensitivities(yard, groups, texts_sha256)
            self.recipes = self._propose(groups)
            alive = self._halve_by_damage(yard, texts_sha256)
        return self._halve_by_replies(alive)

    def _weigh_levels(self, yard: Yardstick, texts_sha256: str) -> None:
        """Measure and ask the levels; the budget is the size by which one of them probably passes."""
        bench = self._bench
        bench.measure(yard, self.levels, texts_sha256, "damage of the levels")
        for entrant in self.levels:
            bench.ask(entrant, bench.counts[0])
        if self.budget_of is not None:
            level = level_to_beat(self.levels)
            self.budget, self.budget_of = level.bytes, level.name

    def _propose(self, groups: Sequence[Group]) -> list[Entrant]:
        """Recipes under the budget, by the damage at critical tokens, by lost margins, and by both."""
        if {one.group for one in self.sensitivities} != {group.name for group in groups}:
            return []  # time was up before every group was measured
        by_name = {group.name: group for group in groups}
        critical = _scale(one.damage.kl_critical for one in self.sensitivities)
        margin = _scale(one.damage.margin_lost for one in self.sensitivities)
        weights = ((critical, margin), (critical, 0.0), (0.0, margin))
        chosen: dict[str, Recipe] = {}
        overhead: int | None = None
        for ours, theirs in weights:
            steps = list(descend({group.name: self._options(group, ours, theirs) for group in groups}))
            if overhead is None:
                overhead = self._overhead(by_name, steps[0])
            fitting = [step for step in steps if step.bytes + overhead < self.budget]
            worst = max(
                ours * one.damage.kl_critical + theirs * one.damage.margin_lost
                for one in self.levels
                if one.damage is not None
            )
            sane = [step for step in fitting if step.damage <= worst]
            for step in spread(sane or fitting, max(1, self._candidates // len(weights))):
                recipe = _named(by_name, step)
                chosen.setdefault(recipe.name, recipe)
        recipes = list(chosen.values())[: self._candidates]
        if not recipes:
            return []
        sizes = plan_sizes(self._bench.source, recipes, imatrix=self._bench.matrix)
        entrants = [Entrant(recipe, sizes[recipe.name]) for recipe in recipes]
        return [entrant for entrant in entrants if entrant.bytes < self.budget]

    def _options(self, group: Group, critical: float, margin: float) -> list[Option]:
        """What a group may get, with the damage that its measurements let expect."""
        weights = sum(group.tensors.values())
        measured = {
            8 * one.bytes / weights: critical * one.damage.kl_critical + margin * one.damage.margin_lost
            for one in self.sensitivities
            if one.group == group.name
        }
        alignment = read_header(self._bench.source).alignment
        found = []
        for kind in offered(group, imatrix=self._bench.matrix is not None):
            size = group.bytes(kind, alignment)
            found.append(Option(kind, size, between(8 * size / weights, measured)))
        return found

    def _overhead(self, groups: dict[str, Group], step: Step) -> int:
        """Bytes of a file beyond those of its groups."""
        recipe = _named(groups, step)
        return plan_sizes(self._bench.source, [recipe], imatrix=self._bench.matrix)[recipe.name] - step.bytes

    def _halve_by_damage(self, yard: Yardstick, texts_sha256: str) -> list[Entrant]:
        """Measure the recipes as they are; of two neighbours in size the one with less damage stays."""
        order = sorted(self.recipes, key=lambda one: one.bytes)
        self._bench.measure(yard, order, texts_sha256, "damage of the candidates")
        if len(order) <= 2 * FINALISTS:
            return order
        scales = [
            _scale(getattr(one.damage, name) for one in order) for name in ("kl_critical", "margin_lost")
        ]
        alive = []
        for start in range(0, len(order), 2):
            pair = sorted(order[start : start + 2], key=lambda one: _weighed(one.damage, scales))
            alive.append(pair[0])
            for loser in pair[1:]:
                loser.out_by = "damage"
        self._bench.drop(one for one in order if one.out_by)
        return alive

    def _halve_by_replies(self, alive: list[Entrant]) -> list[Entrant]:
        """Ask more prompts of ever fewer: the half that promises to save most bytes stays."""
        bench = self._bench
        for number, count in enumerate(bench.counts, start=1):
            if not self._ask_all(alive, count):
                return self._finalists([one for one in alive if one.rounds])
            last = number == len(bench.counts)
            promises = [entrant.chance * (self.budget - entrant.bytes) for entrant in alive]
            kept = halve(promises, FINALISTS)[: FINALISTS if last else None]
            losers = [entrant for place, entrant in enumerate(alive) if place not in kept]
            for loser in losers:
                loser.out_by = "replies"
            bench.drop(losers)
            alive = [alive[place] for place in kept]
        self.complete = True
        return self._finalists(alive)

    def _ask_all(self, alive: Sequence[Entrant], count: int) -> bool:
        """Ask them so many prompts; returns whether there was time for all."""
        for entrant in alive:
            if not self._bench.may_ask(entrant, count):
                return False
            self._bench.ask(entrant, count)
        return bool(alive) or not self._bench.time_is_up

    def _finalists(self, alive: Sequence[Entrant]) -> list[Entrant]:
        return sorted(alive, key=lambda one: (-one.chance, -one.bytes))[:FINALISTS]


def level_to_beat(levels: Sequence[Entrant]) -> Entrant:
    """Return the smallest level such that it or a smaller one passes with ``LIKELY`` probability.

    A single lucky small level must not shut out all recipes between it and the level that will really pass.
    Where even all together are not so likely, it is the largest.
    """
    none_passes = 1.0
    for entrant in sorted(levels, key=lambda one: one.bytes):
        none_passes *= 1 - entrant.chance
        if 1 - none_passes >= LIKELY:
            return entrant
    return max(levels, key=lambda one: one.bytes)


def _named(groups: dict[str, Group], step: Step) -> Recipe:
    """The recipe of a step, named by what it holds."""
    recipe = group_recipe("search", groups, step.types)
    return recipe.model_copy(update={"name": f"search-{recipe.sha256[:6]}"})


def _scale(values: Iterable[float]) -> float:
    """One over the mean, so that figures of different kinds can be added."""
    found = list(values)
    mean = sum(found) / len(found) if found else 0.0
    return 1 / mean if mean > 0 else 0.0


def _weighed(damage: Damage | None, scales: Sequence[float]) -> float:
    if damage is None:
        return float("inf")
    return scales[0] * damage.kl_critical + scales[1] * damage.margin_lost
