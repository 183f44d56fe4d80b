from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dataflow.operators import Threshold
from engine.tests.dataflow.support import ROWS
from engine.zset import ZSet, add

CHANGES = st.lists(
    st.dictionaries(ROWS, st.integers(-3, 3).filter(bool), max_size=4), min_size=1, max_size=6
)


@given(CHANGES)
@settings(max_examples=80, deadline=None)
def test_only_positive_weights_are_in_the_output(changes: list[ZSet]) -> None:
    operator = Threshold()
    contents: ZSet = {}
    output: ZSet = {}
    for time, change in enumerate(changes):
        add(contents, change)
        add(output, operator.step(time, [change], {}))
        assert output == {row: weight for row, weight in contents.items() if weight > 0}
        assert operator.rows_kept == len(contents)
