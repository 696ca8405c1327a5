"""URLs of the audit log's API."""

from django.urls import path

from audit.api import CheckpointView, ExportFileView, ExportsView, ExportView

urlpatterns = [
    path("api/v1/audit/exports", ExportsView.as_view(), name="audit-exports"),
    path("api/v1/audit/exports/<uuid:export_id>", ExportView.as_view(), name="audit-export"),
    path("api/v1/audit/exports/<uuid:export_id>/file", ExportFileView.as_view(), name="audit-export-file"),
    path("api/v1/audit/checkpoint", CheckpointView.as_view(), name="audit-checkpoint"),
]
