"""REST API of exports of the audit log, and of its newest signed checkpoint."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import signing
from audit.models import AuditExport, ExportFormat, ExportState
from audit.selectors.segments import EXACT
from audit.selectors.tree import newest_checkpoint
from audit.services import exports
from common.errors import Conflict, NotFound
from common.problems import ProblemSerializer


class ExportRequestSerializer(serializers.Serializer[Any]):
    """Format and filter of an export; without a filter it holds the whole log."""

    format = serializers.ChoiceField(choices=ExportFormat.choices, default=ExportFormat.JSONL)
    since = serializers.DateTimeField(required=False, help_text="From then on.")
    until = serializers.DateTimeField(required=False, help_text="Before then.")
    category = serializers.CharField(required=False, max_length=200)
    action = serializers.CharField(required=False, max_length=200)
    actor = serializers.CharField(required=False, max_length=200)
    object = serializers.CharField(required=False, max_length=600)
    subject = serializers.CharField(required=False, max_length=600, help_text="`user:ID` or `anonymous:ID`.")


class ExportSerializer(serializers.ModelSerializer[AuditExport]):
    """An export. `first` and `end` are positions in the log, the end excluded; `rows` are the events in full."""

    class Meta:
        model = AuditExport
        fields = (
            *("id", "state", "message", "format", "filter", "percent", "first", "end", "rows", "bytes", "sha256"),
            *("created_at", "finished_at"),
        )


class CheckpointSerializer(serializers.Serializer[Any]):
    """The newest signed checkpoint and the key that verifies it."""

    note = serializers.CharField()
    key = serializers.CharField()


class ExportsView(APIView):
    """Exports that this key requested."""

    scope: ClassVar[dict[str, str]] = {"POST": "audit:read"}

    @extend_schema(
        operation_id="audit_export_create",
        request=ExportRequestSerializer,
        responses={202: ExportSerializer, 413: ProblemSerializer, 415: ProblemSerializer},
        tags=["audit"],
    )
    def post(self, request: Request) -> Response:
        """Let a worker write an export; the answer's `Location` says how far it is."""
        body = ExportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wish = body.validated_data
        declared = exports.declared_filter(
            since=wish.get("since"), until=wish.get("until"), **{name: wish.get(name) for name in EXACT}
        )
        row = exports.queue_export(format=wish["format"], declared=declared, actor=request.auth.actor)  # type: ignore[union-attr]
        return Response(ExportSerializer(row).data, status=202, headers={"Location": f"{request.path}/{row.pk}"})


class ExportView(APIView):
    """One export."""

    scope: ClassVar[dict[str, str]] = {"GET": "audit:read"}

    @extend_schema(
        operation_id="audit_export_read", responses={200: ExportSerializer, 404: ProblemSerializer}, tags=["audit"]
    )
    def get(self, request: Request, export_id: UUID) -> Response:
        """Say how far an export is."""
        return Response(ExportSerializer(_export(export_id)).data)


class ExportFileView(APIView):
    """The file of one export."""

    scope: ClassVar[dict[str, str]] = {"GET": "audit:read"}

    @extend_schema(
        operation_id="audit_export_file",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 404: ProblemSerializer, 409: ProblemSerializer},
        tags=["audit"],
    )
    def get(self, request: Request, export_id: UUID) -> FileResponse:
        """Send the zip file, and record that it was taken."""
        row = _export(export_id)
        if row.state != ExportState.DONE:
            raise Conflict(f"This export {row.get_state_display()}.")
        try:
            file = exports.note_download(row, actor=request.auth.actor).open("rb")  # type: ignore[union-attr]
        except FileNotFoundError as error:
            raise NotFound("The file of this export is gone.") from error
        return FileResponse(file, as_attachment=True, filename=f"audit-{row.first}-{row.end}-{row.format}.zip")


class CheckpointView(APIView):
    """The newest checkpoint."""

    scope: ClassVar[dict[str, str]] = {"GET": "audit:read"}

    @extend_schema(
        operation_id="audit_checkpoint", responses={200: CheckpointSerializer, 404: ProblemSerializer}, tags=["audit"]
    )
    def get(self, request: Request) -> Response:
        """Return the newest signed checkpoint of the log, a C2SP signed note."""
        newest = newest_checkpoint()
        if newest is None:
            raise NotFound("The log has no checkpoint yet.")
        return Response({"note": newest.note, "key": str(signing.signer().verifier)})


def _export(export_id: UUID) -> AuditExport:
    row = AuditExport.objects.filter(pk=export_id).first()
    if row is None:
        raise NotFound(f"There is no export {export_id}.")
    return row
