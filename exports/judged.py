"""The steps of a row: what people said of each, and what the trace has of it, which most formats want a part of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from exports.cutting import cut
from traces.document import step_texts


class Judged(NamedTuple):
    """What a label of a step comes to. Steps mostly share one, as one object."""

    label: str | None
    reward: float | None
    source: str
    # Whether it is worth rewarding; None masks it.
    target: bool | None


class Steps(Sequence[dict[str, Any]]):
    """The first steps of a document of ``n_steps``, one for each of ``judged``:
    ``{"step_idx", "type", "content", "label", "reward", "label_source"}``, and "p_correct" where that is given.

    They are made, and the document is looked into, when somebody asks for one.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        judged: Sequence[Judged],
        n_steps: int,
        p_correct: Sequence[float | None] = (),
        limit: int | None = None,
    ) -> None:
        """``limit``: where their contents are cut."""
        self.document, self.judged, self.n_steps, self.p_correct = document, judged, n_steps, p_correct
        self.limit = limit
        # What was asked for before. A ``cached_property`` costs several times as much, through its lock.
        self._texts: list[str] | None = None
        self._made: list[dict[str, Any]] | None = None

    def of(self, document: Mapping[str, Any]) -> Steps:
        """The same steps of the same document, which is at hand there."""
        return Steps(document, self.judged, self.n_steps, self.p_correct, self.limit)

    @property
    def texts(self) -> list[str]:
        """The content of each."""
        if self._texts is None:
            self._texts = self._texts_of(self._turns())
        return self._texts

    @property
    def last_text(self) -> str:
        """The content of the last one."""
        return self._texts_of(self._turns()[-1:])[0]

    def n_cut(self) -> int:
        """How many of the contents are not all there is."""
        if self.limit is None:
            return 0
        return sum(len(text) > self.limit for text in step_texts(self._turns()))

    def all(self) -> list[dict[str, Any]]:
        """Each of them."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _texts_of(self, turns: Sequence[dict[str, Any]]) -> list[str]:
        texts = step_texts(turns)
        return texts if self.limit is None else [cut(text, self.limit) for text in texts]

    def _turns(self) -> Sequence[dict[str, Any]]:
        turns = self.document.get("structured_turns") or ()
        if len(turns) != self.n_steps:
            raise ValueError("labels of other steps than the document has")
        return turns[: len(self.judged)]

    def _make(self) -> list[dict[str, Any]]:
        steps = [
            {
                "step_idx": place,
                "type": turn["type"],
                "content": text,
                "label": label,
                "reward": reward,
                "label_source": source,
            }
            for place, (turn, text, (label, reward, source, _)) in enumerate(
                zip(self._turns(), self.texts, self.judged, strict=True)
            )
        ]
        for step, share in zip(steps, self.p_correct, strict=False):
            step["p_correct"] = share
        return steps

    def __len__(self) -> int:
        return len(self.judged)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.all())

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.all()[place]


NO_STEPS = Steps({}, (), 0)
