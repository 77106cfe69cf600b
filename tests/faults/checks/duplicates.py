"""An idempotent producer's record is in the log once."""


def check(facts):
    for key, offsets in sorted(facts.places.items()):
        places = {}
        for offset, values in sorted(offsets.items()):
            for value in values:
                if value in places:
                    yield f"key {key} value {value} is at offsets {places[value]} and {offset}"
                places[value] = offset
