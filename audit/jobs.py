"""Celery jobs of the access log."""

from celery import shared_task

from audit import chain


@shared_task
def seal_access_log() -> None:
    """Link new entries of the access log into its chain, until none is left."""
    while chain.seal() == chain.BATCH:
        pass
