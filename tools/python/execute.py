"""Executes notebooks with their kernels through Jupyter's own client, several at a time.

Usage: execute.py WORKERS SOURCE=TARGET=FOLDER...   (the kernel runs in FOLDER)
Prints one JSON line when a cell is done and one when a notebook is done; writes TARGET with its outputs either way.
A cell that raises, writes to stderr or leaves an error output is a failure: tslab reports errors on stderr.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError


def say(**event):
    print(json.dumps(event), flush=True)


def failure(notebook):
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return index, "\n".join(output.traceback)
            if output.output_type == "stream" and output.name == "stderr":
                return index, output.text
    return None


async def execute(source, target, folder, limit):
    async with limit:
        notebook = nbformat.read(source, as_version=4)
        started = time.monotonic()
        first = []

        def done(cell, cell_index, execute_reply):
            first.append(time.monotonic() - started)
            say(event="cell", source=source, cell=cell_index, cells=len(notebook.cells))

        options = {"resources": {"metadata": {"path": folder}}, "on_cell_executed": done}
        problem = None
        for retry in (True, False):
            try:
                await NotebookClient(notebook, timeout=120, kernel_name="tslab", **options).async_execute()
                break
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                problem = (len(first), str(error))
                break
            except RuntimeError as error:
                # The kernel never answered: another program may have taken one of its ports first. A new one gets others.
                if not retry:
                    problem = (0, str(error))
        problem = failure(notebook) or problem
        nbformat.write(notebook, target)
        say(
            event="done",
            source=source,
            seconds=time.monotonic() - started,
            first=first[0] if first else None,
            failed=None if problem is None else {"cell": problem[0], "text": problem[1]},
        )


async def run(workers, jobs):
    limit = asyncio.Semaphore(workers)
    await asyncio.gather(*(execute(*job.split("="), limit) for job in jobs))


asyncio.run(run(int(sys.argv[1]), sys.argv[2:]))
