"""Operations, parameters, bodies, errors and middleware: the HTTP side of every route."""
