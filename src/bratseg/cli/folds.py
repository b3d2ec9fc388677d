"""bratseg folds: cross-validation folds with equal shares of every cluster of radiomic features."""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import ENVIRONMENT, INVALID_INPUT, OK
from bratseval.cli.cores import cores
from bratseval.errors import InputError
from bratseval.extras import CLUSTERING, PICTURE, RADIOMICS, MissingExtraError, require
from bratseval.files.cases import find_cases

if TYPE_CHECKING:
    from bratseg.folds.balance import Balance
    from bratseg.folds.cohort import Cohort
    from bratseg.radiomics.measure import Measured, Segmented


def add_folds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", type=Path, help="folder of case folders, each with its reference (-seg)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for splits_final.json, tables, plots")
    parser.add_argument("--preset", choices=("sane", "paper"), default="sane", help="of the features; default: sane")
    parser.add_argument("--folds", type=int, default=5, help="how many; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of clusters and folds; default: %(default)s")
    parser.add_argument(
        "--clusters", type=int, nargs="+", metavar="K", help="numbers of clusters to try; default: 2 to 12"
    )
    parser.add_argument("--components", type=int, help="principal components; default: for 99 %% of the variance")
    parser.add_argument("--groups", type=Path, help="CSV with the columns case and patient; default: from BraTS ids")
    parser.add_argument("--cache", type=Path, help="folder where features are kept; default: features in the output")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes; default: the cores (%(default)s)")
    parser.set_defaults(command=_folds)


def _folds(arguments: argparse.Namespace) -> int:
    require(RADIOMICS, CLUSTERING)
    from bratseg.folds.split import check_folds, patients_of

    output: Path = arguments.output
    segmented = _segmented(arguments.cases)
    names = [one.case.id for one in segmented]
    patients = patients_of(names) if arguments.groups is None else read_patients(arguments.groups, names)
    check_folds(arguments.folds, patients)
    try:
        output.mkdir(parents=True, exist_ok=True)
        measured = _measure(segmented, arguments)
        if unreadable := [case for case in measured if not case.readable]:
            reasons = "\n".join(f"{case.case}: {case.reason}" for case in unreadable)
            print(f"no folds were made, {len(unreadable)} cases can't be read:\n{reasons}", file=sys.stderr)
            return INVALID_INPUT
        _write(output, measured, patients, arguments)
    except OSError as error:  # a full disk, or a process that was killed
        print(f"{output}: no folds were made ({error}).", file=sys.stderr)
        return ENVIRONMENT
    return OK


def _write(
    output: Path, measured: "Sequence[Measured]", patients: Sequence[str], arguments: argparse.Namespace
) -> None:
    from bratseg.folds.cohort import make_cohort
    from bratseg.folds.files import write_folds
    from bratseg.postprocess.fit_clusters import COUNTS, VARIANCE, fit_clusters
    from bratseg.radiomics.feature_names import PRESETS
    from bratseg.radiomics.measure import rows_of

    counts = arguments.clusters or COUNTS
    preset = PRESETS[arguments.preset]
    components = VARIANCE if arguments.components is None else arguments.components
    fit = fit_clusters(rows_of(measured), preset, counts=counts, components=components, seed=arguments.seed)
    cohort = make_cohort(measured, patients, fit, arguments.folds, arguments.seed)
    balances = write_folds(output, cohort, fit)
    print(f"{len(fit.names)} features, {len(fit.components.loadings)} components, {len(fit.cases)} clusters")
    _draw(output, cohort, balances, fit.silhouettes)
    _print_balance(cohort, balances)
    print(f"\nsplits  {output / 'splits_final.json'}")


def read_patients(path: Path, cases: Sequence[str]) -> list[str]:
    """Each case's patient, from a CSV with the columns case and patient; rows of other cases are ignored.

    Raises:
        InputError: the file can't be read, a column or a case is missing, or a case has two patients.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}). Check the file.") from None
    if not rows or not {"case", "patient"} <= rows[0].keys():
        raise InputError(f"{path}: is incomplete, expected rows with the columns case and patient. Add them.")
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["case"], set()).add(row["patient"] or "")
    missing = [case for case in cases if not found.get(case, {""}) - {""}]
    twice = [case for case in cases if len(found.get(case, ())) > 1]
    if missing or twice:
        wrong = "names no patient of" if missing else "names two patients of"
        named = ", ".join((missing or twice)[:5])
        raise InputError(f"{path}: {wrong} {named} ({len(missing or twice)} in all), expected one each. Correct it.")
    return [next(iter(found[case])) for case in cases]


def _segmented(folder: Path) -> "list[Segmented]":
    """All cases of a folder with their references.

    Raises:
        InputError: with every folder that is no case or has no reference.
    """
    from bratseg.radiomics.measure import Segmented

    found = find_cases(folder)
    problems = list(found.problems.values())
    problems += [
        f"{folder / case.id}: has no reference, expected {case.id}-seg.nii.gz. Add it or remove the case."
        for case in found.cases
        if case.reference is None
    ]
    if problems:
        raise InputError("\n".join(problems))
    return [Segmented(case, case.reference) for case in found.cases if case.reference is not None]


def _measure(segmented: "Sequence[Segmented]", arguments: argparse.Namespace) -> "list[Measured]":
    from tqdm import tqdm

    from bratseg.radiomics.feature_names import PRESETS
    from bratseg.radiomics.measure import measure_cases, write_features

    with tqdm(total=len(segmented), unit="case", disable=not sys.stderr.isatty()) as bar:

        def done(case: "Measured") -> None:
            bar.update()
            if case.reason:
                bar.write(f"{case.case}: no features: {case.reason}", file=sys.stderr)

        preset, cache = PRESETS[arguments.preset], arguments.cache or arguments.output / "features"
        measured = measure_cases(segmented, preset, cache=cache, jobs=arguments.jobs, on_case=done)
    write_features(arguments.output / "features.csv", measured)
    return measured


def _draw(output: Path, cohort: "Cohort", balances: "Mapping[int, Balance]", silhouettes: Mapping[int, float]) -> None:
    try:
        require(PICTURE)
    except MissingExtraError as missing:
        print(f"no plots: drawing {missing}", file=sys.stderr)
        return
    from bratseg.folds.plots import draw_balance, draw_silhouettes

    draw_balance(output / "balance.png", balances, cohort.volumes_ml)
    if silhouettes:
        draw_silhouettes(output / "silhouette.png", silhouettes, len(cohort.measured))


def _print_balance(cohort: "Cohort", balances: "Mapping[int, Balance]") -> None:
    from bratseg.folds.plots import stratum_name
    from bratseg.folds.split import uneven

    print(f"{len(cohort.cases)} cases of {len(set(cohort.patients))} patients in {cohort.folds} folds\n")
    print(f"{'stratum':<12}  {'cases':>5}  {'in each fold':<24}from its share  random folds: median, 95 %")
    for stratum, balance in balances.items():
        counts = " ".join(f"{count:>3}" for count in balance.counts)
        median, most = balance.random_largest
        print(
            f"{stratum_name(stratum):<12}  {balance.counts.sum():>5}  {counts:<24}  {balance.largest:>13.1f}  "
            f"{median:>20.1f}, {most:.1f}"
        )
    for small, into in cohort.strata.merged.items():
        print(f"cluster {small} has fewer cases than folds: merged into cluster {into}")
    for line in uneven(cohort.strata.of_case, cohort.fold_of, cohort.folds):
        print(f"{line}. Patients with several cases of the stratum allow no better folds.", file=sys.stderr)
