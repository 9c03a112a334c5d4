"""``%config FailExtract.…``, and ``c.FailExtract.…`` in ``ipython_config.py``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from traitlets import Bool, Float, Int, List, TraitError, TraitType, Unicode, validate
from traitlets.config import Configurable

from failextract_nb import capture
from failextract_nb._names import Rules, rules
from failextract_nb.extractor import FailureExtractor
from failextract_nb.raised import MAX_FRAMES

_LIMITS = ("max_failures", "max_passed", "max_memory_mb")
SOURCES = (
    "cell", "expectation", "shell", "run", "display", "callback", "thread", "future", "task",
    "unraisable", "test",
)  # fmt: skip
_RULES = ("redact", "redact_names", "redact_patterns", "redact_exempt")
_OPTIONS = ("include_locals", "max_depth", "record_interrupts")


class SourceNames(TraitType):  # type: ignore[type-arg]  # old ones take no arguments
    """The names of the sources that are watched."""

    default_value = frozenset(SOURCES)
    info_text = f"a list of names, or a dict of names and booleans; there are: {', '.join(SOURCES)}"

    def validate(self, obj: Any, value: Any) -> frozenset[str]:
        if not isinstance(value, Collection) or not all(
            isinstance(name, str) and name in SOURCES for name in value
        ):
            self.error(obj, value)
        if isinstance(value, dict) and all(type(wanted) is bool for wanted in value.values()):
            chosen = {*obj.sources, *value}
            chosen -= {name for name, wanted in value.items() if not wanted}
        elif isinstance(value, (set, frozenset, list, tuple)):
            chosen = set(value)
        else:
            self.error(obj, value)
        return frozenset(chosen)


class FailExtract(Configurable):
    """What the extension records and how much it keeps."""

    enabled = Bool(True, help="Record the failures of the session.").tag(config=True)
    sources = SourceNames(
        help="What is watched, as a list of names; a dict such as {'shell': False} changes some. "
        "%failextract sources says what they are."
    ).tag(config=True)
    include_locals = Bool(True, help="Keep the text of the variables of your own frames.").tag(
        config=True
    )
    max_depth = Int(
        MAX_FRAMES, min=1, help="Frames kept of one exception; the middle goes first."
    ).tag(config=True)
    record_interrupts = Bool(False, help="Record KeyboardInterrupt as a failure, too.").tag(
        config=True
    )
    max_failures = Int(
        None, min=1, allow_none=True, help="Keep the newest failures only; None keeps all."
    ).tag(config=True)
    max_passed = Int(
        None, min=1, allow_none=True, help="Keep the newest passed tests only; None keeps all."
    ).tag(config=True)
    max_memory_mb = Float(
        None, min=0.0, allow_none=True, help="Megabytes of records kept; None keeps all."
    ).tag(config=True)

    redact = Bool(True, help="Keep what looks like a secret out of every record.").tag(config=True)
    redact_names = List(
        Unicode(), help="More names whose values are secret, such as 'pin' or 'patient_id'."
    ).tag(config=True)
    redact_patterns = List(
        Unicode(), help="Regular expressions of texts that are secret, wherever they stand."
    ).tag(config=True)
    redact_exempt = List(Unicode(), help="Names whose values are shown, such as 'csrf_token'.").tag(
        config=True
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._apply_options()
        self._apply_rules()
        # Limits that code has set before %load_ext stay, unless the configuration names them.
        for name in _LIMITS:
            if getattr(self, name) is not None:
                self.set_limit(name, getattr(self, name))
        self.adopt_limits()
        self.observe(self._apply_options, names=list(_OPTIONS))
        self.observe(self._apply_rules, names=list(_RULES))
        self.observe(lambda change: self.set_limit(change.name, change.new), names=list(_LIMITS))

    def watches(self, source: str) -> bool:
        """Whether failures of this origin are recorded."""
        return bool(self.enabled) and source in self.sources

    def adopt_limits(self) -> None:
        """Take over the limits that are in force: code may have set them since."""
        known = FailureExtractor().get_statistics()
        with self.hold_trait_notifications():
            for name in _LIMITS:
                setattr(self, name, known[name])

    def set_limit(self, name: str, limit: float | None) -> None:
        """Put one limit in force and leave the others as they are; TraitError or ValueError
        if it is none.
        """
        if getattr(self, name) != limit:
            setattr(self, name, limit)  # checks it, and comes back here when it is observed
        extractor = FailureExtractor()
        known = extractor.get_statistics()
        if known[name] != limit:
            limits = {one: known[one] for one in _LIMITS}
            extractor.set_memory_limits(**{**limits, name: limit}, warn_at=extractor._store.many)

    def _apply_options(self, _change: Any = None) -> None:
        for name in _OPTIONS:
            setattr(capture.options, name, getattr(self, name))

    @validate("redact_patterns")
    def _valid_patterns(self, proposal: Any) -> list[str]:
        try:
            Rules().set(patterns=proposal["value"])
        except ValueError as error:
            raise TraitError(f"FailExtract.redact_patterns: {error}") from error
        return list(proposal["value"])

    def _apply_rules(self, _change: Any = None) -> None:
        rules.set(
            is_on=self.redact,
            names=self.redact_names,
            patterns=self.redact_patterns,
            exempt=self.redact_exempt,
        )

    def restore(self) -> None:
        """Leave the capture as it is without the extension; limits and failures stay."""
        self.unobserve_all()
        capture.options.__init__()  # type: ignore[misc]  # back to the defaults
        rules.set()
