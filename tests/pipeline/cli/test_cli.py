"""The command: one sentence and an exit code for whatever a user can get wrong; JSON where a program reads it.

Covers `pipeline.cli` and its modules runs, versions, edits, query, models, options; their screens: test_screens.py.
"""

import json
import shutil
import socket
import sys

import pytest
import yaml
from command import answer, idgbr, run_here, sentence

from catalogs.sources import page_store
from pipeline.config.region_file import load
from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.scenes.item_list import list_name
from pipeline.scenes.search import catalog_query

GOOD = {
    "name": "here",
    "cube": "cube",
    "bbox": [11.97, 48.48, 12.03, 48.52],
    "period": ["2024-05-01", "2024-08-31"],
}


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def good(world, model):
    return GOOD | {"catalog": str(world.catalog), "model": str(model)}


def without(key):
    return lambda content: content.pop(key)


def with_value(key, value):
    return lambda content: content.update({key: value})


@pytest.mark.parametrize(
    ("spoil", "codes", "says"),
    [
        (without("catalog"), {2}, "lacks the key 'catalog'"),
        (without("bbox"), {2}, "give one of 'bbox' and 'polygon'"),
        (with_value("grid", {"crs": "EPSG:4326"}), {2}, "metres"),
        (with_value("grid", {"crs": "moon"}), {2}, "no known CRS"),
        (with_value("period", ["2024-08-31", "2024-05-01"]), {2}, "must start before it ends"),
        (with_value("model", "no/such/model"), {2}, "model_index.json"),
        (with_value("catalog", f"http://127.0.0.1:{closed_port()}/stac"), {1, 2}, "127.0.0.1"),
        (with_value("catalog", "no/such/catalog.json"), {1, 2}, "catalog"),
        (with_value("collection", "landsat"), {1, 2}, "landsat"),
        (with_value("period", ["1999-01-01", "1999-02-01"]), {1, 2}, "no scenes"),
    ],
)
def test_a_bad_region_file_ends_in_one_sentence(tmp_path, good, spoil, codes, says):
    spoil(good)
    path = tmp_path / "region.yaml"
    path.write_text(yaml.safe_dump(good))
    done = run_here("run", path, "--address", "none")
    assert done.returncode in codes, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("idgbr: ")
    assert says in lines[0]
    assert not (tmp_path / "cube" / "store").exists()


def test_an_update_while_another_one_searches_is_told_to_come_later(tmp_path, good):
    path = tmp_path / "region.yaml"
    path.write_text(yaml.safe_dump(good | {"catalog": f"http://127.0.0.1:{closed_port()}/stac"}))
    pages = tmp_path / "cube" / f"{list_name(catalog_query(load(path)))}.pages"
    with page_store.exclusive(pages):
        assert "another search holds" in sentence(run_here("update", path, "--address", "none"), 75)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("query", "nowhere", "--point", "12,48"), "there is no cube at nowhere"),
        (("history", "nowhere"), "there is no cube"),
        (("status", "nowhere"), "there is no cube"),
        (("diff", "nowhere", "previous", "newest"), "there is no cube"),
        (("diff", "nowhere", "a", "b", "--period", "May"), "give the first day of a period"),
        (("rollback", "nowhere", "previous"), "there is no cube"),
        (("tag", "nowhere", "delivered"), "there is no cube"),
        (("tag", "nowhere", "delivered", "newest", "--delete"), "leave the version out"),
        (("prune", "nowhere", "--keep", "1"), "there is no cube"),
        (("prune", "nowhere", "--keep", "0"), "--keep"),
        (("prune", "nowhere"), "--keep"),
        (("query", "nowhere", "--point", "north"), "give LON,LAT"),
        (("run", "nowhere.yaml"), "cannot read nowhere.yaml"),
        (("train", "coarse", "nowhere.yaml"), "cannot read nowhere.yaml"),
    ],
)
def test_wrong_use_ends_in_one_sentence(arguments, says, tmp_path):
    done = run_here(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_command_of_its_own_process_ends_in_one_sentence_before_torch_is_imported(tmp_path):
    (tmp_path / "torch.py").write_text("raise AssertionError('torch is imported')")
    (tmp_path / "region.yaml").write_text("name: here")
    for arguments in (("run", "region.yaml"), ("plan", "nowhere.yaml"), ("train", "coarse", "nowhere.yaml")):
        process = idgbr(*arguments, cwd=tmp_path)
        out, told = process.communicate(timeout=120)
        assert (process.returncode, out) == (2, "")
        assert told.startswith("idgbr: ")
        assert "Traceback" not in told


@pytest.mark.parametrize("damage", ["truncated", "pickle"])
def test_a_damaged_model_ends_in_one_sentence(tmp_path, good, model, damage):
    copy = shutil.copytree(model, tmp_path / "model")
    weights = copy / "refiner" / "diffusion_pytorch_model.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        weights.rename(weights.with_suffix(".bin"))
    path = tmp_path / "region.yaml"
    path.write_text(yaml.safe_dump(good | {"model": str(copy)}))
    done = run_here("plan", path)
    assert done.returncode == 2
    assert "diffusion_pytorch_model.safetensors" in done.stderr


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize("change", [{"no_label": 255}, {"blank": None}, {"blank": 255.0}])
def test_a_model_whose_values_do_not_suit_maps_is_refused(tmp_path, good, model, verb, change, monkeypatch, capsys):
    from pipeline import cli

    copy = shutil.copytree(model, tmp_path / "model")
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps(index | change))
    path = tmp_path / "region.yaml"
    path.write_text(yaml.safe_dump(good | {"model": str(copy)}))
    monkeypatch.setattr(sys, "argv", ["idgbr", verb, str(path), *(["--address", "none"] if verb == "run" else [])])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code == 2
    (sentence,) = [line for line in told.err.splitlines() if line.strip()]
    assert "0 means no data" in sentence
    assert f"blank {change.get('blank', 0.0)}" in sentence
    assert not (tmp_path / "cube").exists()


@pytest.mark.parametrize(
    "verb",
    [
        *("demo", "plan", "run", "update", "status", "history", "diff", "rollback", "tag", "prune", "query"),
        *("train coarse", "train refiner", "train model", "train ddpm", "train change"),
        *("detect-change", "predict", "provider", "evaluate", "sample", "accuracy"),
    ],
)
def test_every_verb_has_help_with_an_example(verb):
    done = run_here(*verb.split(), "--help")
    assert done.returncode == 0
    assert f"idgbr {verb}" in done.stdout
    assert "Example" in done.stdout


def test_plan_prints_the_stream_that_run_executes_and_run_tells_each_stage_of_how_many(region_of):
    region = region_of()
    path = region.cube.parent / "region.yaml"
    planned = answer("plan", path)
    assert planned["to_segment"] == len(planned["stream"]) == len(list(region.extent.blocks()))
    done = run_here("run", path, "--address", "none", "--json")
    assert done.returncode == 0, done.stderr
    report, blocks = json.loads(done.stdout), planned["to_segment"]
    assert report["run"] == planned["run"]
    assert report["done"]["segment"] == blocks
    for stage in ("mosaic", "segment", "aggregate"):
        assert f"\n{stage} {blocks}/{blocks}, after" in f"\n{done.stderr}"
    again = answer("plan", path)
    assert again["to_mosaic"] == again["to_segment"] == 0
    assert {block["kind"] for block in again["stream"]} == {"same"}


def test_query_status_and_history_tell_of_a_published_cube(undisturbed):
    region, report = undisturbed
    found = answer("query", region.cube, "--point", "12.0,48.5")
    assert found["version"] == report.version
    (period,) = found["periods"]
    assert period["class"] in report.areas_km2
    assert period["block_state"] == "mapped"
    assert period["observations"] >= 1
    state = answer("status", region.cube)
    assert state["published"] == report.version
    assert state["blocks"]["mapped"] == report.blocks.new
    (version,) = answer("history", region.cube)
    assert version["version"] == report.version
    assert "outside the cube's region" in sentence(run_here("query", region.cube, "--point", "2.35,48.85"), 2)


def test_versions_are_compared_rolled_back_tagged_and_pruned(region_of, model):
    """Mapped by one model, then by another: what changed is told, taken back, mapped again, and given up."""
    region = region_of(model=str(shutil.copytree(model, region_of().cube.parent / "model")))
    path, cube = region.cube.parent / "region.yaml", region.cube
    first = run(region).version
    index = json.loads((region.model / "model_index.json").read_text())
    (region.model / "model_index.json").write_text(json.dumps(index | {"uncertainty_threshold": 0.6}))
    second = run(region).version
    before, after = (open_cube(cube, version).landcover.values for version in (first, second))

    difference = answer("diff", cube, "previous", "newest")
    assert (difference["a"], difference["b"]) == (first, second)
    assert difference["pixels"]["changed"] == (before != after).sum() > 0
    assert sum(row["pixels"] for row in difference["changes"]) == difference["pixels"]["changed"]
    assert "changed" in run_here("diff", cube, first, second, "--period", "2024-05-01").stdout

    assert answer("tag", cube, "second") == {"tag": "second", "version": second, "deleted": False}
    third = answer("rollback", cube, "previous")["version"]
    assert (open_cube(cube).landcover.values == before).all()
    assert (open_cube(cube, "second").landcover.values == after).all()
    assert [(v["version"], v["tags"], v["withdrawn"]) for v in answer("history", cube)] == [
        (third, [], False),
        (second, ["second"], True),
        (first, [], False),
    ]
    assert "withdrawn" in run_here("history", cube).stdout
    assert answer("diff", cube, first, "newest")["blocks"]["differing"] == 0

    again = answer("update", path, "--address", "none")
    assert again["done"]["segment"] == difference["blocks"]["differing"] > 0
    assert again["done"]["mosaic"] == 0
    assert (open_cube(cube).landcover.values == after).all()

    would = answer("prune", cube, "--keep", 1, "--dry-run")
    assert len(answer("history", cube)) == 4
    pruned = answer("prune", cube, "--keep", 1)
    assert would["expired"] == pruned["expired"] == [third, first]
    assert pruned["kept"] == [again["version"], second]
    gone = sentence(run_here("query", cube, "--point", "12.0,48.5", "--version", first), 2)
    assert f"no version '{first}' (any more, if it was pruned)" in gone
    assert answer("tag", cube, "second", "--delete")["deleted"]
