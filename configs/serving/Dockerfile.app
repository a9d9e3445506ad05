# The toolkit with its shipped models: edits in the shell, training, export; and the editor in the browser where the
# binary `app` is there. Not built where it was written: there was no Docker.
#   docker build -f configs/serving/Dockerfile.app -t tfsketch .
#   docker run --rm -v "$PWD:/work" tfsketch tfsketch-edit --demo --output=/work/out/demo
FROM python:3.11-slim
# OpenCV draws windows, which we never do, with these.
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/tfsketch
COPY . .
RUN pip install --no-cache-dir -c constraints.txt '.[app]'
WORKDIR /work
EXPOSE 7860
CMD ["tfsketch-edit", "--help"]
