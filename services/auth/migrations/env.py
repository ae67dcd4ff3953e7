from mesh.runtime.migrate import run_environment

run_environment()
