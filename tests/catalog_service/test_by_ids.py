"""Many courses or sessions by id in one request: in their order, and only what the caller may see."""

from tests.catalog_service.office import Office


def test_courses_come_in_the_order_of_the_ids_without_what_is_not_for_the_caller(office: Office) -> None:
    cluster = office.cluster()
    shown, draft = office.course(cluster), office.draft(cluster)
    ids = f"{draft},nothing,{shown}"

    assert [one["id"] for one in office.call("GET", f"/v1/courses?ids={ids}").body["items"]] == [shown]
    own = office.call("GET", f"/v1/courses?ids={ids}", office.trainer(cluster)).body["items"]
    assert [one["id"] for one in own] == [draft, shown]
    other = office.call("GET", f"/v1/courses?ids={ids}", office.trainer(office.cluster())).body["items"]
    assert [one["id"] for one in other] == [shown]


def test_plans_of_sessions_are_for_their_cluster_only(office: Office) -> None:
    cluster = office.cluster()
    plan, open_one = office.session(cluster), office.session(cluster, "open")

    assert [one["id"] for one in office.call("GET", f"/v1/sessions?ids={plan},{open_one}").body["items"]] == [open_one]
    own = office.call("GET", f"/v1/sessions?ids={plan},{open_one}", office.trainer(cluster)).body["items"]
    assert [one["id"] for one in own] == [plan, open_one]


def test_more_ids_than_allowed_or_an_empty_one_are_refused(office: Office) -> None:
    many = ",".join(str(number) for number in range(101))

    assert office.call("GET", f"/v1/courses?ids={many}").codes[0][0] == "ids"
    assert office.call("GET", "/v1/sessions?ids=a,,b").codes[0][0] == "ids"
