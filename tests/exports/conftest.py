"""A bucket on a server that speaks S3, for the tests that copy exports there."""

import pytest

ADDRESS = "s3://lab/labels"


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch, settings):
    """The bucket, as boto3 sees it."""
    import boto3

    environment = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "hush-hush", "AWS_ENDPOINT_URL": server,
                   "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.POTATO_EXPORT_BUCKETS = [ADDRESS, "s3://missing"]
    found = boto3.resource("s3").Bucket("lab")
    found.create()
    yield found
    found.objects.all().delete()
    found.delete()
