"""The engine that Splink runs on: the one place that knows it (``settings.LINKAGE_BACKEND``).

``duckdb`` runs inside the worker. ``spark`` is the way past one machine, see ``docs/identity.md``.
"""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from splink import DuckDBAPI

from targets.services.identity.rows import COLUMNS

BACKENDS = ("duckdb", "spark")


class Engine:
    """Takes rows in batches and gives Splink its table; closed at the end, whatever happened."""

    def __init__(self) -> None:
        check()
        self.name: str = settings.LINKAGE_BACKEND
        self._parts = 0
        self._table: Any = None
        if self.name == "spark":
            # Typed files and not rows from memory: Spark's workers read them, wherever they run.
            self._folder = tempfile.mkdtemp(
                prefix="tarkka-identity-", dir=settings.LINKAGE_SPARK_FOLDER or None
            )
            (Path(self._folder) / "rows").mkdir()
            self.api: Any = _spark(f"{self._folder}/between")
        else:
            self.api = _duckdb()
            columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
            self.api.duckdb_con.execute(f"CREATE TABLE register ({columns})")

    def add(self, table: dict[str, list[Any]]) -> None:
        """Append rows, given as columns (``rows.comparable``)."""
        import pyarrow

        arrow = pyarrow.table({name: pyarrow.array(table[name], _arrow(COLUMNS[name]))
                               for name in COLUMNS})  # fmt: skip
        if self.name == "duckdb":
            connection = self.api.duckdb_con
            connection.register("batch", arrow)
            connection.execute("INSERT INTO register SELECT * FROM batch")
            connection.unregister("batch")
        else:
            import pyarrow.parquet as pq

            pq.write_table(arrow, f"{self._folder}/rows/{self._parts:06d}.parquet")
            self._parts += 1

    def table(self) -> Any:
        """The rows as a table of Splink's, the same at each call."""
        if self._table is None and self.name == "duckdb":
            self._table = self.api.register("register")
        elif self._table is None:
            self._table = self.api.register(self.api.spark.read.parquet(f"{self._folder}/rows"))
        return self._table

    def close(self) -> None:
        if self.name == "duckdb":
            self.api.duckdb_con.close()
        else:
            self.api.spark.stop()
            shutil.rmtree(self._folder, ignore_errors=True)


def check() -> None:
    """Raise ImproperlyConfigured, with what to do, when the configured engine cannot run."""
    name = settings.LINKAGE_BACKEND
    if name not in BACKENDS:
        raise ImproperlyConfigured(
            f"LINKAGE_BACKEND is {name!r}; it has to be one of {', '.join(BACKENDS)}."
        )
    if name == "spark" and find_spec("pyspark") is None:
        raise ImproperlyConfigured(
            "LINKAGE_BACKEND is 'spark', but pyspark is not installed here. Install pyspark and a"
            " Java runtime in the workers' environment (docs/identity.md), or set it to 'duckdb'."
        )


def _duckdb() -> DuckDBAPI:
    import duckdb

    connection = duckdb.connect(
        config={
            "temp_directory": tempfile.gettempdir(),
            "memory_limit": settings.LINKAGE_MEMORY,
            "threads": settings.LINKAGE_THREADS,
            # Nothing is fetched: extensions neither installed nor loaded by themselves.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    return DuckDBAPI(connection)


def _spark(between: str) -> Any:
    """``between``: where Spark keeps what it has worked out so far."""
    from pyspark.sql import SparkSession
    from splink import SparkAPI
    from splink.backends.spark import similarity_jar_location

    session = (
        SparkSession.builder.appName("tarkka-identity")
        .master(settings.LINKAGE_SPARK_MASTER)
        .config("spark.jars", similarity_jar_location())
        .config("spark.sql.shuffle.partitions", settings.LINKAGE_SPARK_PARTITIONS)
        .getOrCreate()
    )
    session.sparkContext.setCheckpointDir(between)
    return SparkAPI(
        spark_session=session, num_partitions_on_repartition=settings.LINKAGE_SPARK_PARTITIONS
    )


def _arrow(type_: str) -> Any:
    import pyarrow

    return {
        "BIGINT": pyarrow.int64(), "VARCHAR": pyarrow.string(), "DOUBLE": pyarrow.float64(),
        "BOOLEAN": pyarrow.bool_(), "VARCHAR[]": pyarrow.list_(pyarrow.string()),
    }[type_]  # fmt: skip
