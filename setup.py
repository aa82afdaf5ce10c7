"""Installs datanectar from ``code/``; the tools' settings are in ``pyproject.toml``."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

SOURCE = "https://github.com/madconsulting/datanectar"


def long_description() -> str:
    """Return the README; its links into the repository lead there from wherever it is shown."""
    readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    return re.sub(r"(?<=\]\()(?!https?:|#)", f"{SOURCE}/blob/main/", readme)


setup(
    name="datanectar",
    version="1.0.0",
    description="Luigi task chains as a service: typed HTTP routes, results by key, live status.",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="MIT",
    url=SOURCE,
    project_urls={
        "Source": SOURCE,
        "Documentation": f"{SOURCE}/tree/main/docs",
        "Changelog": f"{SOURCE}/blob/main/CHANGELOG.md",
        "Issues": f"{SOURCE}/issues",
    },
    keywords="luigi workflow pipeline scheduler api data-science etl",
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Environment :: Web Environment",
        "Framework :: Flask",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    package_dir={"": "code"},
    packages=find_namespace_packages("code", include=["datanectar", "datanectar.*"]),
    package_data={
        "datanectar": [
            "guide/**/*",
            "py.typed",
            "luigid/luigid.cfg",
            *(f"**/*.{ending}" for ending in ("css", "html", "js", "svg", "txt")),
        ]
    },
    install_requires=[
        "alembic>=1.13,<2",
        "argon2-cffi>=23.1,<26",
        "boto3>=1.36,<2",
        "click>=8.1,<9",
        "cronsim>=2.6,<3",
        "docutils>=0.20,<1",
        "flask>=3.0,<4",
        "flask-compress>=1.15,<2",
        "flask-cors>=5,<7",
        "gunicorn>=27,<28",
        "huey>=3.5,<4",
        "luigi>=3.8,<4",
        "markdown-it-py>=3,<5",
        "msgspec>=0.18,<1",
        "prometheus-client>=0.20,<1",
        "psutil>=5.9,<8",
        "python-json-logger>=3.1,<5",
        "requests>=2.31,<3",
        "rich>=13,<16",
        "setproctitle>=1.3.3,<2",
        "sqlalchemy>=2.0.30,<3",
        "tomli>=2; python_version < '3.11'",
    ],
    extras_require={
        "postgres": ["psycopg[binary]>=3.2,<4"],
        "redis": ["redis>=5,<9"],
        "examples": ["matplotlib>=3.8", "scikit-learn>=1.4"],
        "oidc": ["authlib>=1.6,<2", "joserfc>=1,<2"],
        "notify": ["apprise>=1.9,<3"],
        "dask": ["distributed>=2024.2"],
        "otel": ["opentelemetry-exporter-otlp-proto-http>=1.27,<2", "opentelemetry-sdk>=1.27,<2"],
        "frames": ["openpyxl>=3.1", "pandas>=2.0", "pyarrow>=14"],
    },
    entry_points={
        "console_scripts": ["datanectar = datanectar.cli.main:main"],
        "pytest11": ["datanectar = datanectar.testing.plugin"],
    },
)
