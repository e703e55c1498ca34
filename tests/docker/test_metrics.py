"""The dashboard and the alert rules name metrics, labels and values that there are, and load as they stand."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from relayproxy.alerts.runner import Result
from relayproxy.conversation.checks.findings import SEVERITIES
from relayproxy.conversation.model import OpenedBy, Outcome
from relayproxy.refusals import REASONS
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from tests.docker.files import DOCKER

RULES = DOCKER / "prometheus/relayproxy.rules.yml"
DASHBOARD = DOCKER / "grafana/relayproxy.json"
DOCUMENT = (DOCKER.parent / "docs/metrics.md").read_text("utf-8")
QUERY = re.compile(r"^\* ([^:`]+): `((?:histogram_quantile|sum)\b[^`]*)`$", re.MULTILINE)
SAMPLES: dict[str, Metric] = {sample: metric for metric in METRICS.values() for sample in metric.samples}
VALUES = {
    "outcome": get_args(Outcome),
    "opened_by": get_args(OpenedBy),
    "result": ("relayed", "refused", "unreachable", "abandoned", *get_args(Result)),
    "signed": ("yes", "no"),
    "reason": REASONS,
    "severity": tuple(SEVERITIES),
    "direction": ("in", "out"),
    "cause": ("redaction_failed", "search_limit"),
}
"""The values of labels that expressions name."""


@cache
def loaded(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)


def alerts() -> Iterator[dict[str, Any]]:
    for group in loaded(RULES)["groups"]:
        yield from group["rules"]


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target


@cache
def expressions() -> dict[str, str]:
    """All expressions, those of the documents too, with what Grafana puts in place of its variables."""
    shown = {"$__rate_interval": "1m", "$__range": "6h", "$route": ".*"}
    found = {rule["alert"]: rule["expr"] for rule in alerts()}
    found |= dict(QUERY.findall(DOCUMENT))
    for title, target in targets():
        expression = target["expr"]
        for name, value in shown.items():
            expression = expression.replace(name, value)
        found[f"{title} {target['refId']}"] = expression
    return found


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return found


def grouped(expression: str) -> list[tuple[list[str], set[str]]]:
    """For each aggregation the labels that it keeps, and the samples that it is of."""
    found: list[tuple[list[str], set[str]]] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found.append((node.modifier.labels, {str(one.name) for one in selectors(node.expr.prettify())}))
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return found


def labels_of(sample: str) -> set[str]:
    return {*SAMPLES[sample].sample_labels} | ({"le"} if sample.endswith("_bucket") else set())


@pytest.mark.parametrize("name", [*expressions()])
def test_an_expression_is_of_metrics_labels_and_values_that_there_are(name: str) -> None:
    expression = expressions()[name]

    for selector in selectors(expression):
        assert selector.name in SAMPLES
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels_of(selector.name)
            if matcher.value != ".*":
                assert set(matcher.value.split("|")) <= set(VALUES[matcher.name])
    for kept, samples in grouped(expression):
        for sample in samples:
            assert set(kept) <= labels_of(sample)
    assert selectors(expression)


@pytest.mark.parametrize("rule", [*alerts()], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_in_words_that_it_can_fill_in(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Relayproxy[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("page", "ticket")
    kept = [set(labels) for labels, _ in grouped(rule["expr"])]
    known = kept[0] if kept else set.union(*(labels_of(one.name or "") for one in selectors(rule["expr"])))
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"] + rule["annotations"]["description"]))
    assert used <= known


@pytest.mark.parametrize(
    ("title", "target"), [*targets()], ids=lambda one: one if isinstance(one, str) else one["refId"]
)
def test_a_legend_names_labels_that_its_series_have(title: str, target: dict[str, Any]) -> None:
    expression = expressions()[f"{title} {target['refId']}"]
    kept = {label for labels, _ in grouped(expression) for label in labels}
    alone = {label for one in selectors(expression) for label in labels_of(one.name or "")}
    used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))

    assert used <= (kept or alone)


def test_the_dashboard_is_one_of_grafanas_own_model_and_fits_any_installation() -> None:
    register_default_plugins()
    text = DASHBOARD.read_text("utf-8")
    found = json.loads(text)
    kept = json.loads(json.dumps(Dashboard.from_json(found), cls=JSONEncoder))

    assert missing(found, kept) == []
    assert "__inputs" not in found, "which would ask who imports it"
    assert {target["datasource"]["uid"] for _, target in targets()} == {"${datasource}"}
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])


def missing(given: Any, kept: Any, at: str = "") -> list[str]:
    """What of a JSON value is not in another one, or is another there."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [one for key in given for one in missing(given[key], kept.get(key, "nothing"), f"{at}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [one for n, (a, b) in enumerate(zip(given, kept, strict=True)) for one in missing(a, b, f"{at}/{n}")]
    return [] if given == kept else [at]


def test_queries_of_the_documents_are_looked_at() -> None:
    assert len(QUERY.findall(DOCUMENT)) == 5


def test_panels_of_a_dashboard_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_scrape_config_of_the_documents_is_that_of_the_file() -> None:
    shown = yaml.safe_load(DOCUMENT.partition("```yaml\n")[2].partition("```")[0])
    given = loaded(DOCKER / "prometheus/prometheus.yml")

    [job] = given["scrape_configs"]
    [described] = shown["scrape_configs"]
    assert given["rule_files"] == [RULES.name]
    assert job["static_configs"] == described["static_configs"]
    assert "metrics_path" not in job, "/metrics is where Prometheus looks"
