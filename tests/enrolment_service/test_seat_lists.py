"""Seat counts of many sessions in one request."""

from tests.enrolment_service.conftest import Service


def test_seats_of_many_sessions_come_in_the_order_of_the_ids(service: Service) -> None:
    first, second = service.session(), service.session()
    service.apply(second, service.person())

    items = service.client.get(f"/v1/seats?ids={second},never-opened,{first}").json["items"]

    assert [one["id"] for one in items] == [second, first]
    assert [one["confirmed"] + one["held"] for one in items] == [1, 0]


def test_the_ids_are_needed(service: Service) -> None:
    assert service.client.get("/v1/seats").status_code == 422
