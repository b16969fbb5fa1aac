# The demo on CPU or GPU, as an unprivileged user, on port 7860. Without ViT or data sets from the hub, nothing is
# downloaded at run time. PIP_OPTIONS goes to pip: name PyTorch's index of CPU builds there for a much smaller image.
FROM python:3.12-slim
ARG PIP_OPTIONS=""
RUN useradd --create-home --uid 1000 user
USER user
ENV HOME=/home/user \
    PATH=/home/user/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/home/user/tmp \
    GRADIO_TEMP_DIR=/home/user/tmp/gradio \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
RUN mkdir -p $HOME/app $TMPDIR
WORKDIR /home/user/app
COPY --chown=user requirements.txt .
RUN pip install --no-cache-dir --user $PIP_OPTIONS -r requirements.txt
COPY --chown=user app.py ./
COPY --chown=user assets assets
COPY --chown=user cliptta_demo cliptta_demo
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'] + '/health', timeout=4)"
CMD ["python", "app.py"]
