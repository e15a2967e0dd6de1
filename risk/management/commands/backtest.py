"""Backtest the newest version of a model, or one named by its number."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.context import as_system
from audit.errors import DomainError
from risk.models import ModelVersion, ReportKind, ReportState
from risk.report_readers import results_for
from risk.report_words import METRICS, interval, verdict
from risk.services import reports


class Command(BaseCommand):
    help = "Rolling backtest of a risk model; the result is stored as if asked for in the browser."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="code of the model")
        parser.add_argument("--version-number", type=int, help="default: the newest")
        parser.add_argument("--kind", choices=ReportKind.values, default=ReportKind.BACKTEST)
        parser.add_argument(
            "--capacity", type=float,
            help="share of the visits below 1, or visits of each window from 1 on; default"
            f" {reports.DEFAULTS['capacity']}, of an audit that of the newest backtest",
        )  # fmt: skip
        parser.add_argument("--window-days", type=int, default=reports.DEFAULTS["window_days"])
        parser.add_argument("--seed", type=int, default=reports.DEFAULTS["seed"])
        parser.add_argument("--json", action="store_true", help="print the whole result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic(), as_system("the operator tests a model"):
            rows = ModelVersion.objects.filter(model__code=options["model"]).order_by("-number")
            if options["version_number"]:
                rows = rows.filter(number=options["version_number"])
            version = rows.first()
            if version is None:
                raise CommandError(f"no such model or version: {options['model']}")
            try:
                names = ("capacity", "window_days", "seed")
                params = {name: options[name] for name in names if options[name] is not None}
                asked = reports.new_report(
                    actor=None, version=version, kind=options["kind"], **params
                )
            except DomainError as refused:
                raise CommandError(str(refused)) from None
        report = reports.claim(asked.pk)
        if report is None:
            raise CommandError("a worker has taken the test up")
        report = reports.perform(report)
        if report.state != ReportState.DONE:
            raise CommandError(report.message or report.state)
        with transaction.atomic(), as_system("the operator reads what the test found"):
            results = results_for(report, own=True)
        if options["json"]:
            self.stdout.write(json.dumps(results, ensure_ascii=False, indent=2))
        elif options["kind"] == ReportKind.BACKTEST:
            self._tell(results)
        else:
            self.stdout.write(f"passed: {report.passed}")

    def _tell(self, results: dict[str, Any]) -> None:
        total = results.get("total")
        self.stdout.write(f"results: {results['labels']}, found: {results['found']}")
        if not total:
            self.stdout.write("too few results to say how good the model is")
            return
        for code, (label, _help, decimals, percent) in METRICS.items():
            for order in ("model", "random", "last_visit", "current_practice"):
                if order in total:
                    self.stdout.write(
                        f"{label} | {order}: {interval(total[order][code], decimals, percent)}"
                    )
        self.stdout.write(verdict(total))
