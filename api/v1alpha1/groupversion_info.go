package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of all kinds.
const GroupName = "permissions.remit.dev"

var (
	// GroupVersion is the group and version of the kinds in this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// SchemeBuilder collects the functions that register the kinds.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds with a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ResourceType{}, &ResourceTypeList{},
		&Role{}, &RoleList{},
		&Group{}, &GroupList{},
		&User{}, &UserList{},
		&UserSet{}, &UserSetList{},
		&UserPermission{}, &UserPermissionList{},
		&UserPermissionSet{}, &UserPermissionSetList{},
		&SpecialPermission{}, &SpecialPermissionList{},
		&RecordSet{}, &RecordSetList{},
		&PermissionPolicy{}, &PermissionPolicyList{},
		&EffectivePermissions{}, &EffectivePermissionsList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
