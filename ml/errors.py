"""Refusals that a caller can act on."""


class TooFewPersonsError(ValueError):
    """There are too few persons, or too few different ones, to form segments."""


class ModelRefusedError(ValueError):
    """These bytes are not a model of ours that this version can open safely."""


class TooLittleToLearnError(ValueError):
    """There are too few records, or too few alike, to learn who is one person."""


class CatalogRefusedError(ValueError):
    """The catalog of names is contradictory; the message says where and what to do."""
