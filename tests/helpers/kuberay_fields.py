"""The fields of ray.io/v1, and of the Prometheus operator's PodMonitor, that the manifests use, as JSON schemas.

No package that PyPI or npm serves carries these CRDs, so they are set down from the API references: of KubeRay 1.7
(docs.ray.io, "KubeRay CRD API reference") and of monitoring.coreos.com/v1 (prometheus-operator.dev). A field that is
not here is refused: look it up there, then add it. Pods are left open: Kubernetes' own schemas check them.
"""

POD = {"type": "object"}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
PARAMS = {"type": "object", "additionalProperties": TEXT}


def _all_of(required, **fields):
    return {"type": "object", "additionalProperties": False, "required": required.split(), "properties": fields}


HEAD = _all_of("rayStartParams template", rayStartParams=PARAMS, template=POD)
WORKERS = _all_of(
    "groupName minReplicas maxReplicas rayStartParams template",
    groupName=TEXT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    rayStartParams=PARAMS,
    template=POD,
)
CLUSTER = _all_of(
    "rayVersion headGroupSpec workerGroupSpecs",
    rayVersion=TEXT,
    authOptions=_all_of("mode secretName", mode={"enum": ["disabled", "token"]}, secretName=TEXT),
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions=_all_of("", idleTimeoutSeconds=COUNT, resources=POD, securityContext=POD),
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
)
JOB = _all_of(
    "entrypoint rayClusterSpec",
    entrypoint=TEXT,
    backoffLimit=COUNT,
    shutdownAfterJobFinishes={"type": "boolean"},
    ttlSecondsAfterFinished=COUNT,
    rayClusterSpec=CLUSTER,
)
MONITOR = _all_of(
    "selector podMetricsEndpoints",
    selector=_all_of("matchLabels", matchLabels=PARAMS),
    podMetricsEndpoints={
        "type": "array",
        "minItems": 1,
        "items": _all_of("port", port=TEXT, interval={"type": "string", "pattern": "^[0-9]+s$"}),
    },
)


def _kind(version, name, spec):
    return _all_of(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": name},
        metadata=_all_of("name", name=TEXT, labels=PARAMS),
        spec=spec,
    )


RAY_KINDS = {
    "RayCluster": _kind("ray.io/v1", "RayCluster", CLUSTER),
    "RayJob": _kind("ray.io/v1", "RayJob", JOB),
}
KINDS = {**RAY_KINDS, "PodMonitor": _kind("monitoring.coreos.com/v1", "PodMonitor", MONITOR)}
