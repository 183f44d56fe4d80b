from engine.dataflow.operators import Constant


def test_rows_are_output_once() -> None:
    operator = Constant({(1,): 2})
    assert operator.step(5, [], {}) == {(1,): 2}
    assert operator.step(5, [], {}) == {}
    assert operator.step(6, [], {}) == {}
