"""Checks rendered Kubernetes objects: schemas, references, hardening, times. Called by scripts/check-kubernetes."""

import re
import sys

import kubernetes_validate
import yaml

# What CloudNativePG, the cluster operator of RabbitMQ, and cert-manager create.
OF_OPERATORS = {"flowcast-postgresql-ca", "flowcast-webhooks-tls", "flowcast-console-tls"}
# The labels that the operators give to the pods of PostgreSQL and RabbitMQ.
PODS_OF_OPERATORS = [{"cnpg.io/cluster": "flowcast-postgresql"}, {"app.kubernetes.io/name": "flowcast-rabbitmq"}]
# Objects whose schema belongs to an operator.
FOREIGN = {"postgresql.cnpg.io/v1", "rabbitmq.com/v1beta1", "keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
# Seconds after the drain for recording and closing.
RESERVE = 15

problems = []


def problem(thing, text):
    problems.append(f"{thing['kind']} {thing['metadata']['name']}: {text}")


def find(node, key):
    """All values with this key, at any depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from find(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from find(item, key)


def seconds(text):
    match = re.fullmatch(r"(\d+)(ms|s|m)", text)
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60}[match[2]]


def selects(selector, labels):
    for name, value in selector.get("matchLabels", selector if "matchExpressions" not in selector else {}).items():
        if labels.get(name) != value:
            return False
    for term in selector.get("matchExpressions", []):
        if term["operator"] != "In" or labels.get(term["key"]) not in term["values"]:
            return False
    return True


def main(path, version):
    with open(path, encoding="utf-8") as file:
        things = [thing for thing in yaml.safe_load_all(file) if thing]
    by_name = {(thing["kind"], thing["metadata"]["name"]): thing for thing in things}
    secrets = {name for kind, name in by_name if kind == "Secret"} | OF_OPERATORS
    maps = {name for kind, name in by_name if kind == "ConfigMap"}
    pods = [(thing, thing["spec"]["template"]) for thing in things if thing["kind"] in ("Deployment", "StatefulSet", "Job")]

    checked = 0
    for thing in things:
        if thing["apiVersion"] not in FOREIGN:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
                checked += 1
            except kubernetes_validate.ValidationError as error:
                problem(thing, f"{'.'.join(map(str, error.path))}: {error.message}")
        if thing["kind"] != "Namespace" and thing["metadata"].get("namespace") != "flowcast":
            problem(thing, "is not in the namespace flowcast")

    # Names.
    for thing in things:
        named = [*find(thing, "secretName"), *(s["name"] for s in find(thing, "secret") if "name" in s), *(s["name"] for s in find(thing, "passwordSecret"))]
        for name in named:
            if name not in secrets:
                problem(thing, f"names the secret {name}, which nothing creates")
        refs = [*find(thing, "configMapRef"), *(c for refs in find(thing, "configMapRefs") for c in refs), *(c for c in find(thing, "configMap") if "name" in c)]
        for name in (ref["name"] for ref in refs):
            if name not in maps:
                problem(thing, f"names the ConfigMap {name}, which does not exist")
        for target in find(thing, "scaleTargetRef"):
            if ("Deployment", target["name"]) not in by_name:
                problem(thing, f"scales {target['name']}, which does not exist")
        for backend in find(thing, "backend"):
            service = by_name.get(("Service", backend["service"]["name"]))
            if not service or backend["service"]["port"]["name"] not in [port["name"] for port in service["spec"]["ports"]]:
                problem(thing, f"leads to {backend['service']}, which does not exist")

    # Selectors and ports.
    for thing in things:
        spec = thing.get("spec", {})
        if thing["kind"] == "Service":
            of = [pod for _, pod in pods if selects(spec["selector"], pod["metadata"]["labels"])]
            ports = {port["name"] for pod in of for container in pod["spec"]["containers"] for port in container.get("ports", [])}
            if not of or any(port["targetPort"] not in ports for port in spec["ports"]):
                problem(thing, "selects no pod with this port")
        if thing["kind"] in ("PodDisruptionBudget", "Deployment", "PodMonitor"):
            if not any(selects(spec["selector"], pod["metadata"]["labels"]) for _, pod in pods) and "rabbitmq" not in thing["metadata"]["name"]:
                problem(thing, "selects no pod")
        if thing["kind"] == "NetworkPolicy":
            selectors = [spec["podSelector"], *(s for rules in (spec.get("ingress", []), spec.get("egress", [])) for s in find(rules, "podSelector"))]
            for selector in selectors:
                if not any(selects(selector, labels) for labels in [*(pod["metadata"]["labels"] for _, pod in pods), *PODS_OF_OPERATORS]):
                    problem(thing, f"{selector} selects no pod")
    for thing, pod in pods:
        allowed = [
            policy for policy in things
            if policy["kind"] == "NetworkPolicy" and selects(policy["spec"]["podSelector"], pod["metadata"]["labels"])
        ]
        for direction in ("Ingress", "Egress"):
            if not any(direction in policy["spec"]["policyTypes"] for policy in allowed):
                problem(thing, f"no NetworkPolicy limits its {direction}")
        if thing["kind"] == "Deployment" and not any(
            budget["kind"] == "PodDisruptionBudget" and selects(budget["spec"]["selector"], pod["metadata"]["labels"]) for budget in things
        ):
            problem(thing, "has no PodDisruptionBudget")

    # Hardening.
    settings = by_name["ConfigMap", "flowcast"]["data"]
    for thing, pod in pods:
        spec = pod["spec"]
        if spec.get("automountServiceAccountToken") is not False:
            problem(thing, "gets the token of a service account")
        of_pod = spec.get("securityContext", {})
        if of_pod.get("runAsNonRoot") is not True or of_pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            problem(thing, "may run as root, or without seccomp")
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container.get("securityContext", {})
            if security.get("readOnlyRootFilesystem") is not True or security.get("allowPrivilegeEscalation") is not False:
                problem(thing, f"{container['name']} may write to its root file system or gain rights")
            if security.get("capabilities", {}).get("drop") != ["ALL"] or "add" in security.get("capabilities", {}):
                problem(thing, f"{container['name']} has capabilities")
            if "memory" not in container.get("resources", {}).get("limits", {}):
                problem(thing, f"{container['name']} has no limit of memory")
            for variable in container.get("env", []):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    problem(thing, f"{variable['name']} is a secret in the environment; mount it as a file")
            if thing["kind"] == "Deployment":
                ports = {port["name"] for port in container["ports"]}
                for probe, path in (("startupProbe", "/startupz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
                    get = container.get(probe, {}).get("httpGet", {})
                    if get.get("path") != path or get.get("port") not in ports:
                        problem(thing, f"{probe} does not ask {path} at a port of the container")
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            missing = mounted - {volume["name"] for volume in spec["volumes"]}
            if missing:
                problem(thing, f"mounts {missing}, which is no volume")
            # Every file of the settings is mounted where the setting says.
            mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            files = {name: value for name, value in settings.items() if name.endswith("_FILE")} if "envFrom" in container else {}
            for name, value in files.items():
                is_used = name != "AMQP_URL_FILE" or container["args"][0] in ("producer", "consumer")
                if is_used and not any(value.startswith(mount + "/") for mount in mounts):
                    problem(thing, f"{container['name']}: {name} is {value}, where nothing is mounted")

    # Times before the kill.
    for role, drain in (("consumer", 1), ("server", 2)):
        pod = by_name["Deployment", f"flowcast-{role}"]["spec"]["template"]["spec"]
        grace = pod["terminationGracePeriodSeconds"]
        needed = seconds(settings[f"FLOWCAST_{role.upper()}_DRAIN"]) * drain + RESERVE
        for container in pod["containers"]:
            needed += container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if grace < needed:
            problem({"kind": "Deployment", "metadata": {"name": role}}, f"is killed after {grace} s and needs {needed:.0f} s")

    durability = by_name["Cluster", "flowcast-postgresql"]["spec"]["postgresql"]["synchronous"]["dataDurability"]
    if durability != "required":
        problem(by_name["Cluster", "flowcast-postgresql"], "a failover may lose commits; set dataDurability: required")

    if problems:
        print("\n".join(problems), file=sys.stderr)
        sys.exit(1)
    print(f"{len(things)} objects, {checked} of them by the schemas of Kubernetes {version}")


main(*sys.argv[1:])
