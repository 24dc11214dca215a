"""The command line of a service's process: `python -m services.x_service worker`, `... rebuild copies`."""

import sys
from collections.abc import Callable, Sequence

from shared.bus.worker import Plan
from shared.errors import Conflict
from shared.wiring.runtime import Runtime


def run(wire: Callable[[], tuple[Runtime, Plan]], arguments: Sequence[str]) -> None:
    """Work until SIGTERM, or rebuild one read model from the whole log and say which generation serves now."""
    match list(arguments):
        case ["worker"]:
            runtime, plan = wire()
            runtime.run_worker(plan)
        case ["rebuild", name, *options] if options in ([], [_ANEW]):
            runtime, plan = wire()
            runtime.wait()
            print(f"{name} is rebuilt: generation {_rebuild(plan, name, anew=bool(options))} serves now.")
            runtime.close()
        case _:
            sys.exit(f"usage: worker | rebuild READ-MODEL [{_ANEW}]")


def _rebuild(plan: Plan, name: str, *, anew: bool) -> int:
    models = [model.consumer for model in plan.read_models]
    if name not in models:
        sys.exit(f"There is no read model {name}; there are: {', '.join(models)}.")
    try:
        return plan.rebuild(name, anew=anew)
    except (Conflict, TimeoutError) as refused:
        sys.exit(str(refused))


_ANEW = "--anew"
