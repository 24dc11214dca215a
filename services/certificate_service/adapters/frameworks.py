"""European facts as Open Badges alignments: ESCO, DigComp, GreenComp, EQF, ECTS and the micro-credential elements.

They stand in `alignment` because a context of our own would have to stay reachable for ever. Addresses and codes are
those of the EU vocabularies (European Learning Model) and of Council Recommendation 32022H0627(02), Annex I.
"""

from dataclasses import dataclass

from services.certificate_service.adapters.plain_json import Document

ECTS_URL = "http://data.europa.eu/snb/education-credit/6fcec5c5af"
EQF_URL = "http://data.europa.eu/snb/eqf/"
WORKLOAD_URL = "http://data.europa.eu/snb/model/elm/volumeOfLearning"
MICRO_CREDENTIAL_URL = "https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:32022H0627(02)"
MODE_URL = "http://data.europa.eu/snb/learning-assessment/"
ASSESSMENT_URL = "http://data.europa.eu/snb/assessment/"
DIGCOMP_URL = "https://joint-research-centre.ec.europa.eu/digcomp_en"
GREENCOMP_URL = "https://joint-research-centre.ec.europa.eu/greencomp-european-sustainability-competence-framework_en"

MODES = {
    "presential": "9191af2ed9",
    "online": "920fbb3cbe",
    "blended": "e92d221e4d",
    "hybrid": "c_3a90b26d",
    "project based": "7813801c77",
    "workbased": "729f3bed4b",
    "research-lab based": "ed4c557045",
}
ASSESSMENTS = {
    "peer assessment": "19a2e5e671",
    "marked assignment": "2939dae15f",
    "continuous evaluation": "3484bd7e51",
    "portfolio": "4f03b91c0e",
    "group performance": "56539a6507",
    "practical assessment": "6a4db9f11d",
    "written examination": "6e6cb2cc78",
    "level of attendance": "7331eb4762",
    "project work": "795dac4096",
    "peer review": "812e3b0ae1",
    "quiz": "b1b68f6735",
    "problem based learning": "c4256a2726",
    "oral examination": "d30284d7df",
    "artefact assessment": "de4d165a6c",
    "presentation": "c_04b30a72",
    "self-assessment": "c_2b3bd410",
    "guided self-assessment": "c_4f874951",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A learning outcome as the course states it, with the codes it answers to."""

    title: str
    esco_uri: str | None = None
    digcomp: str | None = None
    greencomp: str | None = None


def outcome_alignments(outcome: Outcome) -> list[Document]:
    """One alignment per framework the outcome names; none for an outcome in the course's own words only."""
    found = []
    if outcome.esco_uri:
        found.append(alignment(outcome.title, outcome.esco_uri, "ESCO", outcome.esco_uri, "ESCOSkill"))
    if outcome.digcomp:
        found.append(alignment(outcome.title, DIGCOMP_URL, "DigComp", outcome.digcomp, "DigComp"))
    if outcome.greencomp:
        found.append(alignment(outcome.title, GREENCOMP_URL, "GreenComp", outcome.greencomp, "GreenComp"))
    return found


def eqf_alignment(level: int) -> Document:
    """The level of the European Qualifications Framework, 1 to 8."""
    if not 1 <= level <= 8:
        raise ValueError(f"There is no EQF level {level}.")
    return alignment(f"EQF level {level}", f"{EQF_URL}{level}", "European Qualifications Framework", str(level), "EQF")


def ects_alignment(points: str) -> Document:
    """The notional workload in ECTS points."""
    return alignment(f"{points} ECTS", ECTS_URL, "European Credit Transfer System", points, "ECTS")


def workload_alignment(hours: str) -> Document:
    """The notional workload in hours, as an ISO 8601 duration beside the words."""
    return alignment(
        f"Notional workload: {hours} hours", WORKLOAD_URL, "European Learning Model", f"PT{hours}H", "Workload"
    )


def mode_alignment(mode: str) -> Document:
    """The form of participation; words outside the EU list still name the element."""
    return _element("Form of participation", mode, MODE_URL, MODES, "LearningMode")


def assessment_alignment(assessment: str) -> Document:
    """The type of assessment; words outside the EU list still name the element."""
    return _element("Type of assessment", assessment, ASSESSMENT_URL, ASSESSMENTS, "AssessmentType")


def quality_alignment(quality_assurance: str) -> Document:
    """The type of quality assurance; the EU has no list of codes for it."""
    return _element("Quality assurance", quality_assurance, "", {}, "QualityAssurance")


def alignment(name: str, url: str, framework: str, code: str, kind: str) -> Document:
    """One Alignment; it has no id, the schema gives it none."""
    return {
        "type": ["Alignment"],
        "targetName": name,
        "targetUrl": url,
        "targetFramework": framework,
        "targetCode": code,
        "targetType": f"ext:{kind}",
    }


def _element(element: str, value: str, base: str, codes: dict[str, str], kind: str) -> Document:
    name, code = f"{element}: {value}", codes.get(value.lower())
    if code is None:
        return alignment(name, MICRO_CREDENTIAL_URL, "European approach to micro-credentials", value, kind)
    return alignment(name, base + code, "European Learning Model", code, kind)
