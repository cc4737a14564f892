from fc_adapter.memo import remember


def test_a_key_is_looked_up_once():
    asked = []
    memory = remember(lambda key: asked.append(key) or key.upper())
    assert [memory["a"], memory["b"], memory["a"]] == ["A", "B", "A"]
    assert asked == ["a", "b"]


def test_strangers_cannot_fill_it():
    memory = remember(str)
    for number in range(5000):
        assert memory[number] == str(number)
    assert len(memory) <= 1024
