"""JSON Schema of the parts of SARIF 2.1.0 (OASIS standard, errata 01) that a report uses, written from its
text.

Section numbers are the standard's. Every object is closed, so a misspelt or misplaced property fails.
"""


def _object(required: list[str], **properties: object) -> dict[str, object]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _list(items: object, **more: object) -> dict[str, object]:
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
BAG = {"type": "object"}  # 3.8
MESSAGE = _object(["text"], text=TEXT)  # 3.11
ARTIFACT = _object(["uri"], uri={"type": "string", "format": "uri-reference"}, uriBaseId=TEXT)  # 3.4
REGION = _object(["startLine"], startLine={"type": "integer", "minimum": 1})  # 3.30
PHYSICAL = _object(["artifactLocation"], artifactLocation=ARTIFACT, region=REGION)  # 3.29
LOGICAL = _object([], name=TEXT, fullyQualifiedName=TEXT)  # 3.33
LOCATION = _object(  # 3.28
    ["physicalLocation"],
    id={"type": "integer", "minimum": 0},
    physicalLocation=PHYSICAL,
    logicalLocations=_list(LOGICAL, uniqueItems=True),
    message=MESSAGE,
)
SUPPRESSION = _object(  # 3.35
    ["kind"],
    kind={"enum": ["inSource", "external"]},
    status={"enum": ["accepted", "underReview", "rejected"]},
    justification=TEXT,
)
RESULT = _object(  # 3.27
    ["message", "ruleId", "locations"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations=_list(LOCATION, minItems=1),
    relatedLocations=_list(LOCATION, uniqueItems=True),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    suppressions=_list(SUPPRESSION, uniqueItems=True),
    properties=BAG,
)
RULE = _object(  # 3.49
    ["id"],
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=_object([], level=LEVEL),  # 3.50
    properties=BAG,
)
DRIVER = _object(  # 3.19
    ["name"],
    name=TEXT,
    version=TEXT,
    informationUri={"type": "string", "format": "uri"},
    rules=_list(RULE, uniqueItems=True),
)
RUN = _object(  # 3.14
    ["tool", "results"],
    tool=_object(["driver"], driver=DRIVER),  # 3.18
    automationDetails=_object([], id=TEXT),  # 3.17
    originalUriBaseIds={  # 3.14.14
        "type": "object",
        "additionalProperties": _object(
            [], uri={"type": "string", "format": "uri-reference"}, description=MESSAGE
        ),
    },
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},  # 3.14.17
    invocations=_list(  # 3.20
        _object(
            ["executionSuccessful"], executionSuccessful={"type": "boolean"}, commandLine={"type": "string"}
        )
    ),
    results=_list(RESULT),
)
SARIF = _object(  # 3.13
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs=_list(RUN, minItems=1),
)
