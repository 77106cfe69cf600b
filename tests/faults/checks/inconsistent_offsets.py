"""One offset of a partition holds one value, whoever looks."""


def check(facts):
    for key, offsets in sorted(facts.places.items()):
        for offset, values in sorted(offsets.items()):
            if len(values) > 1:
                yield f"key {key} offset {offset} holds {sorted(values)}"
