"""What is measured: requests, apps, the adapter, its peers, and handlers written by hand."""
