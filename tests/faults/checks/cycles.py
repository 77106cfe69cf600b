"""Cycles of dependencies between transactions (Elle's): Kafka allows some, so they are counted, not forbidden.

ww: wrote the value directly before the other's in a key's order; wr: wrote the highest value that the other read;
rw: read the value directly before the other's write.
"""

from collections import defaultdict


def check(facts):
    edges = defaultdict(set)
    for key in facts.final:
        order = facts.order(key)
        writers = [transaction(facts.writer.get((key, value))) for value in order]
        index = {value: at for at, value in enumerate(order)}
        for before, after in zip(writers, writers[1:]):
            connect(edges, before, after, "ww")
        for operation in facts.operations:
            if operation["kind"] != "txn" or operation["outcome"] == "fail":
                continue
            highest = max((index[value] for found, records in facts.polls(operation) if found == key
                           for _, value in records if value in index), default=None)
            if highest is not None:
                connect(edges, writers[highest], id(operation), "wr")
                if highest + 1 < len(writers):
                    connect(edges, id(operation), writers[highest + 1], "rw")
    graph = defaultdict(set)
    for (before, after), _ in edges.items():
        graph[before].add(after)
    for component in components(graph):
        if len(component) > 1:
            kinds = set().union(*(edges[before, after] for before in component for after in graph[before] if
                                  after in component))
            name = "G0" if kinds == {"ww"} else "G1c" if "rw" not in kinds else "G2 or G-single"
            yield f"{name}: a component of {len(component)} transactions"


def transaction(operation):
    return id(operation) if operation is not None and operation["kind"] == "txn" else None


def connect(edges, before, after, kind):
    if before is not None and after is not None and before != after:
        edges[before, after].add(kind)


def components(graph):
    """Strongly connected components, by Tarjan, without recursion."""
    number, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in list(graph):
        if root in number:
            continue
        work = [(root, iter(graph[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    component = set()
                    while node not in component:
                        component.add(stack.pop())
                    on_stack -= component
                    found.append(component)
            elif child not in number:
                number[child] = low[child] = len(number)
                stack.append(child)
                on_stack.add(child)
                work.append((child, iter(graph[child])))
            elif child in on_stack:
                low[node] = min(low[node], number[child])
    return found
