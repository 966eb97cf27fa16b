"""Progress bars, tables and output files of the command."""
