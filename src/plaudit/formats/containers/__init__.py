"""Files of rows: JSON lines, arrays and objects, CSV, TSV, XLSX, Parquet; told by their content."""
