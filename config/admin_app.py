"""Django's admin, with the product's own site."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """The admin's app; unfold, which draws it, leaves the site to it (`unfold.apps.BasicAppConfig`)."""

    default_site = "access.admin_site.StaffSite"
