# SPDX-License-Identifier: GPL-2.0-only
import pytest

from rig import Rig


@pytest.fixture(scope="module")
def bench(lab):
    made = Rig(lab)
    with made.namespace.entered():
        yield made


@pytest.fixture
def rig(bench):
    """The module's switch, which has forgotten all connections."""
    bench.forget()
    return bench


@pytest.fixture(params=(4, 6), ids=("ipv4", "ipv6"))
def family(request):
    return request.param


@pytest.fixture
def client(rig, family):
    """A client that no test has used before."""
    return rig.client(family)
