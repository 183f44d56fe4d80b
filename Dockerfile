FROM python:3.13-slim

WORKDIR /viewstream
COPY requirements.lock .
# The lock is complete, and momoko's own requirements are out of date: pip is to resolve nothing.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

COPY tail_view.py post_deltas.py LICENSE ./
COPY engine engine
COPY scripts scripts
COPY server server
COPY sql sql
COPY static static
COPY viewstream viewstream

# A new named volume at one of these folders belongs to this user, who may then write there.
RUN useradd --uid 10001 --create-home viewstream \
    && mkdir /data /engine /secrets \
    && chown viewstream /data /engine /secrets \
    && chmod 700 /secrets
USER 10001
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8888
CMD ["python", "-m", "server", "--listen", "0.0.0.0:8888", "counter", "top10", "useredits"]
