"""SWE-agent's trajectories (``.traj``): thoughts, typed actions or function calls, observations.

Of all versions: 0.x (the state is a JSON text, taken before the action), 1.x (an object, taken after it), and files
that hold the ``history`` of messages only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from traces.converters import Converter, converters
from traces.document import Step, TraceDocument
from traces.jsonl import Problem, Record
from traces.keeps import Keeps
from traces.source import Source
from traces.tooling.calls import Call
from traces.tooling.contents import images_of, text_of
from traces.tooling.swe_tools import Action, SweTools, read_action
from traces.tooling.tasks import issue_in, repo_of, repo_of_url, stem
from traces.tooling.transcript import Transcript
from traces.tooling.values import as_int, as_number, as_object, as_objects, as_text, inner_json

# What the prompt template puts around an observation.
_PROMPT = re.compile(r"\(Open file: ([^\n]*)\)\s*\n\(Current directory: ([^\n]*)\)\s*\n(?:bash-\$)?\s*\Z")
_NO_OUTPUT = "Your command ran successfully and did not produce any output."
_EXITS = ("Exit", "Environment died", "Retrying")
_NO_INSTANCE = frozenset({"", "main", "swe_main", "unknown", "empty"})


class SweAgent(Converter):
    name = "swe_agent"
    version = "1"
    keeps = Keeps(
        document="agent agent_version attempt_of base_commit exit_status final_patch instance_id issue_description"
        " metrics.api_calls metrics.cost metrics.tokens model repo",
        steps="bash_command error file_create file_edit file_read search system thinking tool_call user_message",
        fields="approximate call_id command content cwd diff end_line exact_diff extra_info images input name output"
        " path seconds start_line status",
    )

    def detect(self, source: Source) -> bool:
        """An object with steps of ``action`` and ``observation``, or a ``history`` whose messages name their agent."""
        return any(_is_run(run) for run in source.first_records[:3])

    def convert(self, source: Source) -> Iterator[Record | Problem]:
        # Whose first line is longer than what was looked at may be one of many.
        is_whole = source.shape == "object" and not source.name.endswith(".jsonl")
        records = iter([Record(1, source.document())]) if is_whole else source.records(lenient=True)
        for record in records:
            if isinstance(record, Problem):
                yield record
            else:
                yield from _runs(record, source.name)


def _is_run(run: dict[str, Any]) -> bool:
    if "trajectory_format" in run or "mini_version" in as_object(run.get("info")):
        return False
    steps, history = as_objects(run.get("trajectory")), as_objects(run.get("history"))
    if steps:
        return "action" in steps[0] and "observation" in steps[0]
    return any("role" in item and "agent" in item for item in history[:20])


def _runs(record: Record, file: str) -> Iterator[Record]:
    """The run, and after it its other attempts where an agent tried several times and chose one."""
    run = record.value
    doc = _document(run, file)
    yield Record(record.line, doc)
    for number, attempt in enumerate(as_objects(run.get("attempts")), start=1):
        if attempt.get("trajectory") != run.get("trajectory"):
            other = _document({"replay_config": run.get("replay_config"), **attempt}, file)
            yield Record(record.line, other | {"id": f"{doc['id']}.attempt-{number}", "attempt_of": doc["id"]})


def _document(run: dict[str, Any], file: str) -> TraceDocument:
    transcript = _Run(run).transcript()
    info, config = as_object(run.get("info")), as_object(inner_json(run.get("replay_config")))
    problem = as_object(config.get("problem_statement"))
    name = _instance(run, problem, file)
    repo = as_object(as_object(config.get("env")).get("repo"))
    stats = as_object(info.get("model_stats"))
    return transcript.document(
        name,
        instance_id=name if run.get("trajectory") is not None else None,
        issue_description=as_text(problem.get("text")) or issue_in(transcript.first_prompt()),
        repo=_repo(repo, name),
        base_commit=_commit(repo.get("base_commit")),
        agent="SWE-agent",
        agent_version=as_text(info.get("swe_agent_version")),
        model=as_text(as_object(as_object(config.get("agent")).get("model")).get("name")),
        final_patch=as_text(info.get("submission")),  # of a security challenge it is the flag
        exit_status=as_text(info.get("exit_status")),
        metrics=_metrics(stats) or None,
    )


def _instance(run: dict[str, Any], problem: dict[str, Any], file: str) -> str:
    """The task's id: recorded from 1.0 on, before that the file's name."""
    for value in (problem.get("id"), run.get("instance_id"), run.get("environment")):
        if isinstance(value, str) and value not in _NO_INSTANCE:
            return value[:255]
    return stem(file, ".traj.json", ".traj", ".jsonl", ".json")


def _repo(repo: dict[str, Any], instance: str) -> str | None:
    """``owner/name``, from the address or the form of the ids of SWE-bench; else the name the run had for it."""
    url = as_text(repo.get("github_url"))
    return repo_of_url(url) if url else repo_of(instance) or as_text(repo.get("repo_name"))


def _commit(value: object) -> str | None:
    return None if value == "HEAD" else as_text(value)


def _metrics(stats: dict[str, Any]) -> dict[str, Any]:
    """Cost and tokens; all zeros are those of a run that was replayed or written by a person."""
    cost, sent, received = (as_number(stats.get(key)) for key in ("instance_cost", "tokens_sent", "tokens_received"))
    metrics: dict[str, Any] = {}
    if cost:
        metrics["cost"] = cost
    if sent or received:
        metrics["tokens"] = {"input": sent, "output": received}
    if metrics and as_int(stats.get("api_calls")):
        metrics["api_calls"] = stats["api_calls"]
    return metrics


# --- the steps ---------------------------------------------------------------------------------------------


class _Run:
    """One run, read step by step."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.trajectory = as_objects(run.get("trajectory"))
        self.history = as_objects(run.get("history"))
        self.out = Transcript()
        self.tools = SweTools()
        items = run.get("trajectory")
        if isinstance(items, list) and len(items) > len(self.trajectory):
            self.out.warn("steps that are no objects", len(items) - len(self.trajectory))

    def transcript(self) -> Transcript:
        own = [item for item in self.history if not _is_demo(item)]
        if not own and not self.trajectory:
            own = self.history  # a file of demonstrations
        elif len(own) < len(self.history):
            self.out.warn("messages of a demonstration", len(self.history) - len(own))
        if self.trajectory:
            self._opening(own)
            self._steps(own)
        else:
            self._messages(own)
        return self.out

    def _opening(self, own: list[dict[str, Any]]) -> None:
        """The system prompt and the task: the messages before the first answer."""
        for item in own:
            if item.get("role") == "assistant":
                break
            self._prompt(item)
        if self.tools.cwd is None:
            self.tools.cwd = _cwd_at_start(self.trajectory[0])

    def _prompt(self, item: dict[str, Any]) -> None:
        content = text_of(item.get("content"), self.out.warn)
        self._follow_prompt(content)
        images = images_of(item.get("content"))
        kind = "system" if item.get("role") == "system" else "user_message"
        if content.strip() or images:
            self.out.add(kind, content=content, images=images)

    def _follow_prompt(self, content: str) -> None:
        state = _PROMPT.match(content, max(content.rfind("(Open file: "), 0))
        if state:
            self._be_at({"open_file": state[1], "working_dir": state[2]})

    def _be_at(self, state: dict[str, Any]) -> None:
        cwd, open_file = state.get("working_dir"), state.get("open_file")
        if isinstance(cwd, str) and cwd and cwd != "n/a":
            self.tools.cwd = cwd
        if isinstance(open_file, str):
            self.tools.open_file = open_file if open_file not in ("", "n/a") else self.tools.open_file

    def _steps(self, own: list[dict[str, Any]]) -> None:
        calls = _calls_by_action(own)
        for number, step in enumerate(self.trajectory):
            state, is_before = _state(step.get("state"))
            if is_before:
                self._be_at(state)
            action = as_text(step.get("action")) or ""
            waiting = calls.get(action.strip())
            message = waiting.popleft() if waiting else {}
            self._step(number, step, message)
            if not is_before:
                self._be_at(state)

    def _step(self, number: int, step: dict[str, Any], message: dict[str, Any]) -> None:
        self._thought(step, message)
        action, observation = as_text(step.get("action")) or "", step.get("observation")
        output = text_of(observation, self.out.warn) if observation is not None else None
        if not action.strip() and not _call_of(step, message):
            self.out.text("error" if _is_exit(step) else "system", output)
            return
        self._call(number, action, output, step, message)

    def _thought(self, step: dict[str, Any], message: dict[str, Any]) -> None:
        for block in as_objects(step.get("thinking_blocks")) or as_objects(message.get("thinking_blocks")):
            self.out.text("thinking", as_text(block.get("thinking")))
        thought, response = as_text(step.get("thought")), as_text(step.get("response"))
        has_action = bool((as_text(step.get("action")) or "").strip())
        if _is_exit(step):
            self.out.text("error", thought)
        elif not self.out.text("thinking", thought) and not has_action:
            self.out.text("assistant_message", response)

    def _call(
        self, number: int, action: str, output: str | None, step: dict[str, Any], message: dict[str, Any]
    ) -> None:
        recorded = _call_of(step, message)
        meant = _recorded_action(recorded) or read_action(action)
        seconds = as_number(step.get("execution_time"))
        common: Step = {"call_id": self.out.call_id(as_text(recorded.get("id")) or f"action-{number}")}
        if seconds is not None:
            common["seconds"] = seconds
        call = Call(meant.name, meant.input, output, cwd=self.tools.cwd, common=common)
        steps = self.tools.steps(call)
        images = images_of(step.get("observation"))
        if images and steps:
            steps[0]["images"] = images
        if steps and as_object(step.get("extra_info")):
            steps[0]["extra_info"] = step["extra_info"]
        self.out.extend(steps)

    # --- history only -------------------------------------------------------------------------------------

    def _messages(self, own: list[dict[str, Any]]) -> None:
        """Messages alone: an answer with an action, and its observation in the message after it."""
        index = 0
        while index < len(own):
            item = own[index]
            index += 1
            if item.get("role") != "assistant":
                self._prompt(item)
                continue
            follower = own[index] if index < len(own) else {}
            acts = bool(_call_of({}, item)) or bool((as_text(item.get("action")) or "").strip())
            answered = acts and follower.get("role") in ("tool", "user")
            index += answered
            self._answer(index, item, follower if answered else {})

    def _answer(self, number: int, item: dict[str, Any], follower: dict[str, Any]) -> None:
        step: dict[str, Any] = {
            "thought": item.get("thought"),
            "action": item.get("action"),
            "response": text_of(item.get("content"), self.out.warn),
        }
        if follower:
            content = text_of(follower.get("content"), self.out.warn).removeprefix("OBSERVATION:\n")
            bare = _without_prompt(content)
            step["observation"] = "" if bare.strip() == _NO_OUTPUT else bare
        self._step(number, step, item)
        if follower:
            self._follow_prompt(text_of(follower.get("content"), self.out.warn))


def _without_prompt(content: str) -> str:
    """The observation alone."""
    at = content.rfind("(Open file: ")
    return content[:at].removesuffix("\n") if at >= 0 and _PROMPT.match(content, at) else content


def _calls_by_action(own: list[dict[str, Any]]) -> dict[str, deque[dict[str, Any]]]:
    """The answers of the history by the text of their action: they hold the function calls, exactly as made."""
    found: dict[str, deque[dict[str, Any]]] = {}
    for item in own:
        action = item.get("action")
        if item.get("role") == "assistant" and isinstance(action, str):
            found.setdefault(action.strip(), deque()).append(item)
    return found


def _call_of(step: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """The function call, {} where the action was typed. SWE-agent allows one per answer."""
    calls = as_objects(step.get("tool_calls")) or as_objects(message.get("tool_calls"))
    return calls[0] if calls else {}


def _recorded_action(call: dict[str, Any]) -> Action | None:
    function = as_object(call.get("function"))
    name, arguments = function.get("name"), function.get("arguments")
    arguments = inner_json(arguments or "{}")
    return Action(name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _state(value: object) -> tuple[dict[str, Any], bool]:
    """(state, whether it is that before the action): 0.x wrote a JSON text before it, 1.x an object after it."""
    if not isinstance(value, str):
        return as_object(value), False
    return as_object(inner_json(value)), True


def _cwd_at_start(step: dict[str, Any]) -> str | None:
    """Where the first command ran, if it says so only afterwards and did not leave."""
    state, is_before = _state(step.get("state"))
    leaves = re.search(r"\b(?:cd|pushd|popd)\b", as_text(step.get("action")) or "")
    return as_text(state.get("working_dir")) if not leaves or is_before else None


def _is_exit(step: dict[str, Any]) -> bool:
    """Not the model's: the run was ended from outside, which SWE-agent writes as a last step."""
    action = (as_text(step.get("action")) or "").strip()
    said = (as_text(step.get("thought")) or "", step.get("observation"))
    ended = any(isinstance(text, str) and text.lstrip().startswith(_EXITS) for text in said)
    return ended and (not action or action.startswith("exit_"))


def _is_demo(item: dict[str, Any]) -> bool:
    return item.get("is_demo") is True or item.get("message_type") == "demonstration"


converters.register("swe_agent")(SweAgent())
