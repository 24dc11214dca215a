"""Many courses or sessions by id in one request: in their order, and only what the caller may see."""

from tests.catalog_service.calling import Catalog


def test_courses_come_in_the_order_of_the_ids_without_what_is_not_for_the_caller(catalog: Catalog) -> None:
    cluster = catalog.cluster()
    shown, draft = catalog.course(cluster), catalog.draft(cluster)
    ids = f"{draft},nothing,{shown}"

    assert [one["id"] for one in catalog.call("GET", f"/v1/courses?ids={ids}").body["items"]] == [shown]
    own = catalog.call("GET", f"/v1/courses?ids={ids}", catalog.trainer(cluster)).body["items"]
    assert [one["id"] for one in own] == [draft, shown]
    other = catalog.call("GET", f"/v1/courses?ids={ids}", catalog.trainer(catalog.cluster())).body["items"]
    assert [one["id"] for one in other] == [shown]


def test_plans_of_sessions_are_for_their_cluster_only(catalog: Catalog) -> None:
    cluster = catalog.cluster()
    plan, open_one = catalog.session(cluster), catalog.session(cluster, "open")

    assert [one["id"] for one in catalog.call("GET", f"/v1/sessions?ids={plan},{open_one}").body["items"]] == [open_one]
    own = catalog.call("GET", f"/v1/sessions?ids={plan},{open_one}", catalog.trainer(cluster)).body["items"]
    assert [one["id"] for one in own] == [plan, open_one]


def test_more_ids_than_allowed_or_an_empty_one_are_refused(catalog: Catalog) -> None:
    many = ",".join(str(number) for number in range(101))

    assert catalog.call("GET", f"/v1/courses?ids={many}").codes[0][0] == "ids"
    assert catalog.call("GET", "/v1/sessions?ids=a,,b").codes[0][0] == "ids"
