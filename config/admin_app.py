"""Django's admin, with the product's own site."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """The admin's app. Unfold's `BasicAppConfig` draws the pages and leaves the site to this app."""

    default_site = "access.admin_site.StaffSite"
