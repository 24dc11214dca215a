"""Real course records, from the folder that CLUSTERSKILLS_DATA names, as courses the demo can offer.

A record becomes a course only with a title, an outcome and a workload; one without is reported and left out, the rest
goes on. What no record says (who offers it, how it is assessed) comes from `Terms`, never from guessing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clusterskills.seed.model import Course
from clusterskills.seed.real_frameworks import framework_courses
from clusterskills.seed.real_modules import module_courses
from clusterskills.seed.real_records import RealDataError, Terms, Unusable

__all__ = ["RealCourses", "RealDataError", "Terms", "Unusable", "data_folder", "real_courses"]

VARIABLE = "CLUSTERSKILLS_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCourses:
    """The courses made, in the order of the files, and every record that could not be used."""

    courses: tuple[Course, ...]
    unusable: tuple[Unusable, ...]


def data_folder(environment: Mapping[str, str]) -> Path:
    """The folder of real data, or RealDataError with what to do."""
    named = environment.get(VARIABLE, "").strip()
    if not named:
        raise RealDataError(f"{VARIABLE} is not set; name the folder of real data, for example {VARIABLE}=/srv/data.")
    folder = Path(named)
    if not folder.is_dir():
        raise RealDataError(f"{VARIABLE} names {named}, which is not a folder.")
    return folder


def real_courses(folder: Path, terms: Terms) -> RealCourses:
    """Every usable record of both files; the files must exist, single bad records are reported."""
    modules, bad_modules = module_courses(folder, terms)
    frameworks, bad_frameworks = framework_courses(folder, terms)
    return RealCourses(courses=(*modules, *frameworks), unusable=(*bad_modules, *bad_frameworks))
