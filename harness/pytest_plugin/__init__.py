"""``pytest --safety-model FILE.gguf``: one test per scenario and one for the decision.

Installed as ``quant_triage.pytest_plugin``, beside ``quant_triage.harness`` and not inside it: whatever lies
inside would load the harness in every pytest session, whether or not a model is named.
"""

from ._hooks import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_report_header,
    pytest_unconfigure,
    safety_reply,
    safety_result,
)

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_report_header",
    "pytest_unconfigure",
    "safety_reply",
    "safety_result",
]
