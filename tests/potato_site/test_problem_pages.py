"""What a browser shows when there is nothing to show: a page in words, with a way back."""

from django.test import Client


def test_an_address_that_does_not_exist_says_so_and_leads_back(client, db):
    response = client.get("/no/such/page/")
    page = response.content.decode()
    assert response.status_code == 404
    assert "Nothing here for you" in page
    assert 'href="/"' in page
    assert "/no/such/page" not in page


def test_a_form_from_before_the_log_in_is_named(db):
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "ann", "password": "x"})
    assert response.status_code == 403
    assert "That form was too old" in response.content.decode()


def test_what_an_account_may_not_do_is_a_page_in_words(admin_client):
    response = admin_client.get("/admin/annotation/gold/add/")
    page = response.content.decode()
    assert response.status_code == 403
    assert "may not do this" in page
    assert 'href="/"' in page
