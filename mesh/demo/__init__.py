"""`mesh demo`: a scripted trading day on a running mesh, through its edge like any client."""
