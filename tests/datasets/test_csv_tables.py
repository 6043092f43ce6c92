"""Promised: CSV is read with any usual separator, comments and blank rows; messages name the line."""

import pytest

from dataset_files import load_table, names_below, table_refusal

HEADED = "path,label\na.png,x\nb.png,y\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        HEADED,
        "path;label\na.png;x\nb.png;y\n",
        "path\tlabel\na.png\tx\nb.png\ty\n",
        "path|label\na.png|x\nb.png|y\n",
        "sep=;\npath;label\na.png;x\nb.png;y\n",
        '"sep=,"\r\npath,label\r\na.png,x\r\nb.png,y\r\n',
        "sep=\t\r\npath\tlabel\r\na.png\tx\r\nb.png\ty\r\n",
        "path;label;score\na.png;x;0,5\nb.png;y;0,7\n",
        '"path","label","said, by; whom"\na.png,x,"1;2\n3"\nb.png,y,\n',
        "path,label\ra.png,x\rb.png,y\r",
        "path,label,\r\na.png,x,\r\nb.png,y,\r\n",
    ],
)
def test_the_separator_is_the_one_that_makes_names_of_columns(folder, text, encoding):
    dataset = load_table(folder, text, encoding=encoding)
    assert names_below(dataset, folder) == ["a.png", "b.png"]
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == []


def test_a_separator_inside_values_of_another_is_kept(folder):
    assert load_table(folder, "path;label\na.png;x,1\nb.png;y,2\n").labels.tolist() == ["x,1", "y,2"]
    dataset = load_table(folder, "where;what\na.png;x\nb.png;y\n", path_column="where", label_column="what")
    assert (names_below(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["x", "y"])


def test_rows_without_any_value_are_left_out_and_counted(folder):
    dataset = load_table(folder, "path,label,\r\na.png,x,\r\n,,\r\n , \r\nb.png,y,\r\n\r\n,,\r\n")
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == [f"3 rows without any value left out of {folder}/m.csv"]


@pytest.mark.parametrize(
    "text",
    [
        '"path" "label"\n"1" "a.png" "x"\n"2" "b.png" "y"\n',
        "path label\na.png x\nb.png y\n",
        "path   label   score\na.png   x    0.5\n",
    ],
)
@pytest.mark.parametrize("name", ["m.csv", "m.txt"])
def test_blanks_between_values_are_refused_as_what_they_are(folder, text, name):
    message = table_refusal(folder, text, name=name)
    assert "separates its values by blanks (path label" in message
    assert "write.csv" in message


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ("# made by me, on Monday\n", ["1 line that begins with # left out of {}"]),
        ('\n# 5" of label, path\n#\n', ["2 lines that begin with # left out of {}"]),
        ("#image;of;mine\r\n", ["1 line that begins with # left out of {}"]),
    ],
)
def test_comments_above_the_names_are_left_out(folder, above, told):
    dataset = load_table(folder, f"{above}path,label\na.png,x\nb.png,y\n")
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == [note.format(folder / "m.csv") for note in told]
    # Lines are still those of the file.
    line = above.count("\n") + 2
    assert f"no label in line {line}." in table_refusal(folder, f"{above}path,label\na.png,\n")


def test_lines_are_those_of_the_file(folder):
    assert "no label in line 5." in table_refusal(folder, '\n\npath,label\na.png,"x"\nb.png,\n')
    assert "no label in line 5 and 1 more row." in table_refusal(
        folder, 'path,label\n"a.png","x\ny"\n,,\nb.png,\nc.png,\n'
    )
    assert "too many values in line 4" in table_refusal(folder, "sep=,\npath,label\na.png,x\nb.png,y,z\n")
