from pipeline.cli import process

process()
