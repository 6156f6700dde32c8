"""Roles of the cloud's services, which have no meaning here: clients hear that all is well and go on."""

from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import checked
from harness.raw import rpc
from harness.refusals import refused


def test_roles_are_there_whoever_asks(eb):
    product = "AliyunServiceRoleForEventBridgeSourceRabbitMQ"
    request = models.CheckServiceLinkedRoleForProductRequest(product_name=product)
    data = checked(eb.check_service_linked_role_for_product(request)).data
    assert (data.check_pass, data.sts_role_name) == (True, product)
    request = models.CreateServiceLinkedRoleForProductRequest(product_name=product)
    checked(eb.create_service_linked_role_for_product(request))
    with refused("MissingProductName"):
        eb.check_service_linked_role_for_product(models.CheckServiceLinkedRoleForProductRequest())


def test_terraform_hears_that_roles_are_well(server):
    answer = rpc(server, "CheckRoleForProduct", {"ProductName": "x"}).json()
    assert (answer["Code"], answer["Success"]) == ("Success", True)
