"""Searching courses and skills: in this process, against MongoDB's text index, and by HTTP on a whole stack."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import mean
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from clusterskills import seed
from clusterskills.demo.seeding import course_body
from deploy.identity import ids
from services.catalog_service.adapters import shipped
from services.catalog_service.adapters.course_index import CourseIndex
from services.catalog_service.adapters.skill_index import SkillIndex
from services.catalog_service.api.parts import content_facts
from services.catalog_service.domain.content import Content
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.found import Offer, Search
from shared.clock import new_id, utc_now
from shared.storage.mongo import MongoDatabase
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import World
from tests.catalog_service.judged import demo, ndcg, queries

COURSES, CLIENTS, EACH = 10_000, 8, 100


def search(here: World) -> list[Result]:
    """In this process, facets on, beside MongoDB's text index with the same words and counts."""
    return searched(here.mongo["bench_search"])


def searched(database: MongoDatabase) -> list[Result]:
    """The same with a database to put MongoDB's side into."""
    offers = list(_many(COURSES))
    index = CourseIndex()
    begun = time.perf_counter()
    for offer in offers:
        index.put(offer)
    index.commit()
    built = time.perf_counter() - begun
    asked = [one.query for one in queries()]
    ours = _together(asked, lambda text: index.find(Search(text=text, limit=24, facets=True)))
    theirs = _together(asked, _mongo_search(database, offers))
    where = f"{COURSES} courses, facets on, {CLIENTS} at a time"
    database.client.drop_database(database.name)
    return [
        result("search_p99", _share(ours, 0.99), "ms", where, raw=_share(theirs, 0.99), target="20"),
        result("search_p50", _share(ours, 0.5), "ms", where, raw=_share(theirs, 0.5)),
        result("search_index_built", built, "s", f"{COURSES} courses"),
        *_judged(database),
        *_skills(),
    ]


def search_http(here: World) -> list[Result]:
    """By HTTP through the gateway; and how soon a published course is found by every API process."""
    put_courses(here.mongo["clusterskills_catalog"], COURSES)
    with httpx.Client(base_url=here.facts["url"], verify=False, timeout=60) as http:
        _until(lambda: http.get("/v1/courses?limit=1").json()["total"] >= COURSES)
        took = _together(
            [one.query for one in queries()],
            lambda text: http.get(f"/v1/courses?q={quote(text)}&facets=true&limit=24").raise_for_status(),
        )
        fresh = sorted(_fresh(here, http) for _ in range(30))
    where = f"{COURSES} courses, facets on, {CLIENTS} at a time"
    return [
        result("search_http_p99", _share(took, 0.99), "ms", where, target="40"),
        result("search_http_p50", _share(took, 0.5), "ms", where),
        result("fresh_p99", fresh[-1], "ms", "published to findable, worst of 30", target="1000"),
    ]


def put_courses(database: MongoDatabase, count: int) -> None:
    """Published courses of nobody, as the catalogue keeps them."""
    bodies = [content_facts({**course_body(one, {}), "prerequisites": []}) for one in _demo_courses()]
    rows = (_row(Content(**body), number) for number, body in zip(range(count), itertools.cycle(bodies), strict=False))
    while chunk := list(itertools.islice(rows, 1_000)):
        database["courses"].insert_many(chunk)


def _demo_courses() -> list[Any]:
    return [replace(one, prerequisites=()) for one in seed.courses()]


def _row(content: Content, number: int) -> dict[str, Any]:
    titles = {tag: f"{text} {number}" for tag, text in content.titles.items()}
    course = Course(
        id=new_id(),
        version=1,
        cluster_id=ids.cluster_id("wfr-heilbronn"),
        provider_id=content.provider_id,
        published_version=1,
        content=replace(content, titles=titles),
        published_at=utc_now() - timedelta(seconds=number),
        created_at=utc_now(),
        updated_at=utc_now(),
    )
    row: dict[str, Any] = msgspec.to_builtins(course, builtin_types=(type(utc_now()),))
    return {"_id": row.pop("id"), **row, "sequence": 1, "search": {"listed": True}}


def _fresh(here: World, http: httpx.Client) -> float:
    """Milliseconds from the commit to the first answer that has it."""
    word = "x" + new_id().replace("-", "")[-10:]
    content = Content(titles={"en": word}, default_language="en", provider_id="nobody")
    row = _row(content, 0)
    here.mongo["clusterskills_catalog"]["courses"].insert_one(row)
    begun = time.perf_counter()
    _until(lambda: http.get(f"/v1/courses?q={word}&limit=1").json()["total"] == 1)
    return (time.perf_counter() - begun) * 1000


def _many(count: int) -> Iterator[Offer]:
    chance = random.Random(7)
    originals = list(demo())
    pool = [text for one in originals for _, text in one.texts["body"]]
    for number in range(count):
        one = originals[number % len(originals)]
        more = tuple(("en", chance.choice(pool)) for _ in range(2))
        yield replace(one, id=f"{one.id}-{number}", texts={**one.texts, "body": (*one.texts["body"], *more)})


def _mongo_search(database: MongoDatabase, offers: Sequence[Offer]) -> Callable[[str], Any]:
    fill_text(database, offers)
    courses = database["courses"]

    def find(text: str) -> Any:
        stages: list[dict[str, Any]] = [
            {"$match": {"$text": {"$search": text}}},
            {
                "$facet": {
                    "items": [{"$sort": {"score": {"$meta": "textScore"}}}, {"$limit": 24}, {"$project": {"_id": 1}}],
                    **{name: [{"$sortByCount": f"${name}"}] for name in ("category", "mode", "language")},
                }
            },
        ]
        return list(courses.aggregate(stages))

    return find


def fill_text(database: MongoDatabase, offers: Sequence[Offer]) -> None:
    """The same texts under MongoDB's text index, with the same weights, each in the language that MongoDB knows."""
    courses = database["courses"]
    courses.drop()
    for start in range(0, len(offers), 1_000):
        courses.insert_many([_text_row(one) for one in offers[start : start + 1_000]])
    weights = {"texts.title": 3, "texts.skills": 2, "texts.body": 1}
    courses.create_index([(name, "text") for name in weights], weights=weights, language_override="spoken")


def _text_row(offer: Offer) -> dict[str, Any]:
    texts = [
        {"spoken": _SPOKEN.get(tag, "none"), name: text} for name, all_of in offer.texts.items() for tag, text in all_of
    ]
    return {"_id": offer.id, "texts": texts, **{name: list(values) for name, values in offer.facets.items()}}


_SPOKEN = {"de": "german", "en": "english", "es": "spanish", "fr": "french", "it": "italian", "pt": "portuguese",
           "nl": "dutch", "hu": "hungarian"}  # fmt: skip


def _judged(database: MongoDatabase) -> list[Result]:
    """How well each agrees with what people judged."""
    offers = list(demo())
    index = CourseIndex()
    for offer in offers:
        index.put(offer)
    index.commit()
    fill_text(database, offers)
    text = _gain(lambda words: [row["_id"] for row in _by_score(database, words)])
    ours = _gain(lambda words: index.find(Search(text=words, limit=10)).ids)
    plain = _gain(_plain_bm25(offers))
    database.client.drop_database(database.name)
    return [
        result("search_ndcg", ours, "nDCG@10", "83 judged questions; raw: MongoDB's text score", raw=text),
        result("search_ndcg_bm25", plain, "nDCG@10", "the same by BM25 over folded words alone"),
    ]


def _by_score(database: MongoDatabase, words: str) -> list[dict[str, Any]]:
    score = {"score": {"$meta": "textScore"}}
    return list(database["courses"].find({"$text": {"$search": words}}, score).sort(list(score.items())).limit(10))


def _plain_bm25(offers: Sequence[Offer]) -> Callable[[str], list[str]]:
    import tantivy

    schema = (
        tantivy.SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw").add_text_field("text").build()
    )
    index = tantivy.Index(schema)
    index.register_tokenizer(
        "default",
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .build(),
    )
    writer = index.writer(15_000_000, 1)
    for offer in offers:
        text = " ".join(text for texts in offer.texts.values() for _, text in texts)
        writer.add_document(tantivy.Document(id=offer.id, text=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()

    def find(words: str) -> list[str]:
        query, _ = index.parse_query_lenient(words, ["text"])
        searcher = index.searcher()
        return [str(searcher.doc(address)["id"][0]) for _, address in searcher.search(query, 10).hits]

    return find


def _gain(find: Callable[[str], list[str]]) -> float:
    return mean(ndcg(find(one.query), one.relevant) for one in queries())


def _skills() -> list[Result]:
    concepts = [one for framework in shipped.frameworks() for one in shipped.concepts(framework).values()]
    index = SkillIndex(concepts)
    chance = random.Random(7)
    asked = []
    for concept in chance.sample(concepts, 200):
        label = concept.label("en")
        begun = label[: chance.randint(3, max(3, len(label)))]
        asked.append(begun if chance.random() < 0.6 else label[:2] + label[3:])
    took = _together(asked, lambda text: index.find(text, "en", None, 10), clients=1)
    return [
        result("skills_p99", _share(took, 0.99), "ms", f"{len(concepts)} skills, beginnings and typos", target="15")
    ]


def _together(texts: Sequence[str], find: Callable[[str], Any], clients: int = CLIENTS) -> list[float]:
    """Seconds that each question took, asked by so many at a time."""
    took: list[float] = []

    def ask(first: int) -> None:
        for number in range(EACH):
            begun = time.perf_counter()
            find(texts[(first * 31 + number) % len(texts)])
            took.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def _share(took: Sequence[float], share: float) -> float:
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def _until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError("the catalogue does not show it")
        time.sleep(0.005)
