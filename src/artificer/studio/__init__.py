"""What people look at in a browser. So far one page: a run's report."""
